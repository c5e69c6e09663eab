//! The addresses under which this machine can be reached, kept current.

use if_addrs::Interface;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};
use std::io::{self, Read};
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

/// An interface that comes up says so several times.
const DEBOUNCE: Duration = Duration::from_millis(300);
/// Where the kernel does not tell, ask this often.
const POLL: Duration = Duration::from_secs(10);
/// Each address is a candidate in every offer.
const MAX_ADDRESSES: usize = 32;
/// Netlink messages read in one go; their contents do not matter.
const READS: usize = 64;

/// Tells when the machine's usable addresses change.
///
/// Usable is every address of an interface that is up, but for IPv6 link-local
/// ones: they mean nothing without a zone, and candidates have none (RFC 8839,
/// 5.1). IPv4 link-local is usable (a Pi on a computer's USB port often has
/// nothing else), and so is loopback (a browser on this machine, tests).
pub struct AddressWatch {
    /// `None`: not available here, so poll.
    netlink: Option<AsyncFd<Socket>>,
    /// When to look next, so that a dropped future loses nothing.
    look: Option<Instant>,
    poll: Duration,
    current: Vec<IpAddr>,
}

impl AddressWatch {
    /// Looks for the first time; inside a tokio runtime.
    pub fn new() -> AddressWatch {
        // Subscribed before looking: nothing falls between.
        let netlink = subscribe()
            .inspect_err(|e| log::warn!("no news of addresses ({e}); asking every 10 s"))
            .ok();
        AddressWatch {
            netlink,
            look: None,
            poll: POLL,
            current: usable_addresses().unwrap_or_default(),
        }
    }

    /// The addresses in a stable order: IPv4, IPv6, IPv4 link-local, loopback.
    pub fn current(&self) -> Vec<IpAddr> {
        self.current.clone()
    }

    /// Waits until the set of addresses differs from [`AddressWatch::current`],
    /// and returns the new one. Cancel-safe.
    pub async fn changed(&mut self) -> Vec<IpAddr> {
        loop {
            let look = match self.look {
                Some(look) => look,
                None => self.next_look().await,
            };
            self.look = Some(look);
            sleep_until(look).await;
            self.look = None;
            match usable_addresses() {
                Ok(new) if new != self.current => {
                    log::info!("addresses: {new:?}");
                    self.current.clone_from(&new);
                    return new;
                }
                Ok(_) => {}
                Err(e) => {
                    log::warn!("addresses cannot be listed: {e}");
                    self.look = Some(Instant::now() + self.poll);
                }
            }
        }
    }

    /// Waits for news, and says when to look after them.
    async fn next_look(&mut self) -> Instant {
        let Some(netlink) = &mut self.netlink else {
            return Instant::now() + self.poll;
        };
        match news(netlink).await {
            Ok(()) => Instant::now() + DEBOUNCE,
            Err(e) => {
                log::warn!("no more news of addresses ({e}); asking every 10 s");
                self.netlink = None;
                Instant::now() + DEBOUNCE
            }
        }
    }
}

impl Default for AddressWatch {
    fn default() -> AddressWatch {
        AddressWatch::new()
    }
}

/// A netlink socket that hears of links and addresses (rtnetlink(7)).
fn subscribe() -> io::Result<AsyncFd<Socket>> {
    let socket = Socket::new(
        Domain::from(libc::AF_NETLINK),
        Type::RAW,
        Some(Protocol::from(libc::NETLINK_ROUTE)),
    )?;
    socket.set_nonblocking(true)?;
    let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
    socket.bind(&netlink_address(groups as u32))?;
    // SAFETY: a Socket owns its descriptor and names the same one for as long as
    // it lives, which is inside of the AsyncFd from here on.
    let watched = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
    Ok(watched)
}

fn netlink_address(groups: u32) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_nl is plain integers and smaller than the storage, which
    // is aligned for every socket address. nl_pid 0: the kernel chooses.
    unsafe {
        let address = storage.view_as::<libc::sockaddr_nl>();
        address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        address.nl_groups = groups;
        SockAddr::new(storage, size_of::<libc::sockaddr_nl>() as libc::socklen_t)
    }
}

/// Waits for messages and throws them away: what they say is asked anew.
/// Cancel-safe, because it returns in the same poll in which it reads.
async fn news(netlink: &mut AsyncFd<Socket>) -> io::Result<()> {
    let mut guard = netlink.readable_mut().await?;
    let mut buffer = [0; 4096];
    for _ in 0..READS {
        match guard.try_io(|socket| socket.get_mut().read(&mut buffer)) {
            Err(_would_block) => break,
            Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(_)) => {}
            // Messages were lost, so there are news.
            Ok(Err(e)) if e.raw_os_error() == Some(libc::ENOBUFS) => {}
            Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
            Ok(Err(e)) => return Err(e),
        }
    }
    Ok(())
}

fn usable_addresses() -> io::Result<Vec<IpAddr>> {
    let up = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(Interface::is_oper_up)
        .map(|interface| interface.ip());
    Ok(usable(up))
}

fn usable(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut usable: Vec<IpAddr> = addresses
        .map(|ip| ip.to_canonical())
        .filter(|ip| !ip.is_unspecified() && !ip.is_multicast())
        .filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()))
        .collect();
    usable.sort_by_key(|ip| (rank(*ip), *ip));
    usable.dedup();
    usable.truncate(MAX_ADDRESSES);
    usable
}

fn rank(ip: IpAddr) -> u8 {
    match ip {
        _ if ip.is_loopback() => 3,
        IpAddr::V4(v4) if v4.is_link_local() => 2,
        IpAddr::V6(_) => 1,
        IpAddr::V4(_) => 0,
    }
}

#[cfg(test)]
mod tests;
