//! What the kernel is told of Wi-Fi without wpa_supplicant: no power save, and an
//! interface for the access point. By nl80211, over netlink (linux/nl80211.h).

use crate::proto::netlink::{self, Attributes, Message};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const NETLINK_GENERIC: i32 = 16;
/// An answer of the kernel comes at once.
static PATIENCE: libc::timeval = libc::timeval {
    tv_sec: 2,
    tv_usec: 0,
};

const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
const GENL_ID_CTRL: u16 = 16;

const NEW_INTERFACE: u8 = 7;
const DEL_INTERFACE: u8 = 8;
const SET_POWER_SAVE: u8 = 61;
const IFINDEX: u16 = 3;
const IFNAME: u16 = 4;
const IFTYPE: u16 = 5;
const MAC: u16 = 6;
const PS_STATE: u16 = 93;
const IFTYPE_AP: u32 = 3;

/// A connection to the kernel's Wi-Fi.
#[derive(Debug)]
pub struct Nl80211 {
    socket: OwnedFd,
    family: u16,
}

impl Nl80211 {
    pub fn open() -> io::Result<Nl80211> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: no pointers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, NETLINK_GENERIC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, and nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        let size = size_of::<libc::timeval>() as libc::socklen_t;
        // SAFETY: a timeval and its size.
        let code = unsafe {
            let patience = (&raw const PATIENCE).cast();
            libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, patience, size)
        };
        if code != 0 {
            return Err(io::Error::last_os_error());
        }
        let mut opened = Nl80211 { socket, family: 0 };
        let name = Attributes::default().text(FAMILY_NAME, "nl80211");
        let answer = opened.ask(GENL_ID_CTRL, GET_FAMILY, &name)?;
        let id = answer
            .attribute(FAMILY_ID)
            .and_then(|id| id.try_into().ok());
        opened.family = id.map(u16::from_ne_bytes).ok_or(io::ErrorKind::NotFound)?;
        Ok(opened)
    }

    /// Saving power makes Wi-Fi chips miss what is sent to them.
    pub fn no_power_save(&self, index: u32) -> io::Result<()> {
        let off = Attributes::default()
            .number(IFINDEX, index)
            .number(PS_STATE, 0);
        self.ask(self.family, SET_POWER_SAVE, &off).map(drop)
    }

    /// Makes an interface beside the one of that index, for an access point.
    pub fn add_access_point(&self, beside: u32, name: &str, mac: [u8; 6]) -> io::Result<()> {
        let wanted = Attributes::default()
            .number(IFINDEX, beside)
            .text(IFNAME, name)
            .number(IFTYPE, IFTYPE_AP)
            .bytes(MAC, &mac);
        self.ask(self.family, NEW_INTERFACE, &wanted).map(drop)
    }

    pub fn remove(&self, index: u32) -> io::Result<()> {
        let gone = Attributes::default().number(IFINDEX, index);
        self.ask(self.family, DEL_INTERFACE, &gone).map(drop)
    }

    fn ask(&self, family: u16, command: u8, attributes: &Attributes) -> io::Result<Message> {
        let request = netlink::request(family, command, attributes);
        let fd = self.socket.as_raw_fd();
        // SAFETY: the buffer and its length.
        let sent = unsafe { libc::send(fd, request.as_ptr().cast(), request.len(), 0) };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut answer = Message::default();
        let mut buffer = vec![0; 16384];
        // The answer, if there is one, and the receipt; the kernel sends no more.
        for _ in 0..8 {
            // SAFETY: the buffer and its length.
            let length = unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
            if length < 0 {
                return Err(io::Error::last_os_error());
            }
            for message in netlink::messages(&buffer[..length as usize]) {
                match message.error {
                    None => answer = message,
                    Some(0) => return Ok(answer),
                    Some(code) => return Err(io::Error::from_raw_os_error(code)),
                }
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}
