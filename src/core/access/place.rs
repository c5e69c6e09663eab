//! How near somebody is who asks.

use crate::proto::set_up;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// From where a request comes, the nearest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Through a router, or nobody knows.
    Far,
    /// In a network that the camera itself is in.
    Local,
    /// On the USB cable, in the camera's own set-up network, or on this machine.
    Near,
}

/// An interface's address with the length of its network's prefix, in bits.
pub type Network = (IpAddr, u8);

/// `local`: the camera's end of the connection; `networks`: the camera's.
///
/// Both ends have to be in the same network: the kernel takes a packet for one interface's
/// address from another one, too, but its answer leaves by where the peer's address is.
pub fn place(peer: SocketAddr, local: SocketAddr, networks: &[Network]) -> Place {
    if set_up::is_near(peer, local) {
        return Place::Near;
    }
    let (peer, local) = (peer.ip().to_canonical(), local.ip().to_canonical());
    let mut shared = networks.iter().filter(|(own, bits)| {
        let own = own.to_canonical();
        own == local && share(own, peer, *bits)
    });
    // A whole address or none for a prefix is no network: a tunnel's end, or a mistake.
    match shared.next() {
        Some(_) => Place::Local,
        None => Place::Far,
    }
}

/// True if both begin with the same bits, at least a few and not all of them.
fn share(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) if (8..32).contains(&bits) => {
            let mask = u32::MAX << (32 - bits);
            Ipv4Addr::to_bits(a) & mask == Ipv4Addr::to_bits(b) & mask
        }
        (IpAddr::V6(a), IpAddr::V6(b)) if (10..128).contains(&bits) => {
            let mask = u128::MAX << (128 - bits);
            Ipv6Addr::to_bits(a) & mask == Ipv6Addr::to_bits(b) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, local: &str, networks: &[(&str, u8)]) -> Place {
        let socket = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 80);
        let network = |(ip, bits): &(&str, u8)| (ip.parse().unwrap(), *bits);
        let networks: Vec<_> = networks.iter().map(network).collect();
        place(socket(peer), socket(local), &networks)
    }

    #[test]
    fn who_shares_a_network_is_local() {
        let home = [("192.168.1.9", 24), ("2001:db8::9", 64), ("fe80::9", 64)];
        for (peer, local, expected) in [
            ("192.168.1.5", "192.168.1.9", Place::Local),
            ("::ffff:192.168.1.5", "::ffff:192.168.1.9", Place::Local),
            ("2001:db8::5", "2001:db8::9", Place::Local),
            ("fe80::5", "fe80::9", Place::Local),
            ("192.168.2.5", "192.168.1.9", Place::Far),
            ("203.0.113.5", "192.168.1.9", Place::Far),
            ("2001:db8:1::5", "2001:db8::9", Place::Far),
            // To an address that the camera does not have, or of another network.
            ("192.168.1.5", "10.91.0.1", Place::Far),
            ("192.168.1.5", "0.0.0.0", Place::Far),
            ("10.91.0.2", "10.91.0.1", Place::Near),
            ("10.92.0.9", "10.92.0.1", Place::Near),
            ("127.0.0.1", "127.0.0.1", Place::Near),
        ] {
            assert_eq!(of(peer, local, &home), expected, "{peer} at {local}");
        }
    }

    #[test]
    fn odd_prefixes_are_no_network() {
        for bits in [0, 7, 32, 33, 255] {
            let odd = [("192.168.1.9", bits)];
            assert_eq!(of("192.168.1.5", "192.168.1.9", &odd), Place::Far, "{bits}");
        }
        for bits in [0, 9, 128, 200] {
            let odd = [("2001:db8::9", bits)];
            assert_eq!(of("2001:db8::5", "2001:db8::9", &odd), Place::Far, "{bits}");
        }
        assert_eq!(of("192.168.1.5", "192.168.1.9", &[]), Place::Far);
    }
}
