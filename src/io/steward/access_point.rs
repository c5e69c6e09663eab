//! The access point's own interface, and who gives out addresses on it.

use super::children::{self, Servant};
use super::nl80211::Nl80211;
use super::radio::Folders;
use super::wpa::Wpa;
use crate::proto::wifi::Ssid;
use crate::proto::wpa::{self, Notice};
use std::io;

pub const NAME: &str = "ap0";
/// See also overlay/usr/lib/mimamori.
pub const ADDRESS: &str = "10.92.0.1";
const MASK: &str = "255.255.255.0";
const RANGE: &str = "10.92.0.10,10.92.0.200,255.255.255.0,1h";

/// An access point, open or about to be.
#[derive(Debug)]
pub struct AccessPoint {
    commands: Wpa,
    notices: Wpa,
    names: Servant,
    pub guests: usize,
}

impl AccessPoint {
    /// Makes the interface, on the radio of the one with this index and address.
    pub async fn make(
        kernel: &Nl80211,
        folders: &Folders,
        index: u32,
        mac: [u8; 6],
    ) -> io::Result<AccessPoint> {
        remove(kernel, folders).await;
        kernel.add_access_point(index, NAME, other(mac))?;
        let global = Wpa::connect(&folders.global(), folders.own("ask"))?;
        let (conf, control) = (folders.conf(), folders.control());
        let (conf, control) = (conf.display(), control.display());
        let add = format!("INTERFACE_ADD {NAME}\t{conf}\tnl80211\t{control}");
        global.tell(&add).await?;
        let socket = folders.control().join(NAME);
        let commands = Wpa::connect(&socket, folders.own("ap-ask"))?;
        let notices = Wpa::connect(&socket, folders.own("ap-hear"))?;
        notices.attach().await?;
        children::run("ifconfig", &[NAME, ADDRESS, "netmask", MASK, "up"]).await?;
        Ok(AccessPoint {
            commands,
            notices,
            names: Servant::start("dnsmasq", names_arguments()),
            guests: 0,
        })
    }

    /// Opens it, or moves it to another frequency.
    pub async fn open(&mut self, ssid: &Ssid, frequency: u32) -> io::Result<()> {
        self.commands.ask("REMOVE_NETWORK all").await?;
        self.notices.skip();
        self.guests = 0;
        let values = wpa::access_point_values(ssid, frequency);
        let number = self.commands.add_network(&values).await?;
        self.commands
            .tell(&format!("SELECT_NETWORK {number}"))
            .await
    }

    /// Can be dropped and called again.
    pub async fn next(&mut self) -> io::Result<Option<Notice>> {
        tokio::select! {
            notice = self.notices.next() => notice,
            () = self.names.keep() => Ok(None),
        }
    }

    pub async fn close(self, kernel: &Nl80211, folders: &Folders) {
        let AccessPoint { names, .. } = self;
        names.stop().await;
        remove(kernel, folders).await;
    }
}

/// Also what an earlier steward has left.
async fn remove(kernel: &Nl80211, folders: &Folders) {
    let Some(index) = folders.index(NAME) else {
        return;
    };
    if let Ok(global) = Wpa::connect(&folders.global(), folders.own("ask")) {
        let _ = global.ask(&format!("INTERFACE_REMOVE {NAME}")).await;
    }
    if let Err(error) = kernel.remove(index) {
        log::warn!("{NAME} can't be removed: {error}");
    }
}

/// Another address of the same radio: one of those that anybody may give himself.
fn other(mut mac: [u8; 6]) -> [u8; 6] {
    mac[0] = if mac[0] & 2 == 0 {
        mac[0] | 2
    } else {
        mac[0] ^ 0x10
    };
    mac
}

/// Addresses, and ours for every name: telephones then find the page by themselves.
fn names_arguments() -> Vec<String> {
    let arguments = [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--pid-file=",
        "--no-resolv",
        // What there is no answer for has none: nobody else is asked.
        "--local=/#/",
        "--no-hosts",
        "--leasefile-ro",
        "--bind-interfaces",
        "--except-interface=lo",
        "--dhcp-authoritative",
        "--quiet-dhcp",
    ];
    // Less than root, where the system has a user for it.
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let has_user = users.lines().any(|line| line.starts_with("dnsmasq:"));
    let own = [
        format!("--user={}", if has_user { "dnsmasq" } else { "root" }),
        format!("--interface={NAME}"),
        format!("--address=/#/{ADDRESS}"),
        format!("--dhcp-range={RANGE}"),
    ];
    arguments.into_iter().map(String::from).chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::other;

    #[test]
    fn the_other_address_differs_and_is_local() {
        for first in 0..64u8 {
            let mac = [first << 2, 1, 2, 3, 4, 5];
            assert_ne!(other(mac), mac);
            assert_eq!(other(mac)[0] & 3, 2);
            let local = [first << 2 | 2, 1, 2, 3, 4, 5];
            assert_ne!(other(local), local);
            assert_eq!(other(local)[0] & 3, 2);
        }
    }
}
