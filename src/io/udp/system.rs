//! Opening the socket, and what the kernel's addresses and errors mean.

use super::SendResult;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

pub(super) fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    if !address.ip().is_unspecified() {
        return bind_one(address);
    }
    let both = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), address.port());
    match bind_one(both) {
        Err(e)
            if matches!(
                e.raw_os_error(),
                Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL | libc::EPROTONOSUPPORT)
            ) =>
        {
            log::info!("no IPv6 here ({e}); UDP over IPv4 only");
            bind_one(SocketAddr::new([0, 0, 0, 0].into(), address.port()))
        }
        result => result,
    }
}

fn bind_one(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// False for what the kernel would refuse with EINVAL, which quinn-udp takes for
/// broken segmentation, and for what no peer can be.
pub(super) fn plausible(source: Option<IpAddr>, destination: SocketAddr, ipv6: bool) -> bool {
    let family_fits = source.is_none_or(|ip| ip.is_ipv4() == destination.is_ipv4());
    let reachable = match destination {
        SocketAddr::V4(v4) => !v4.ip().is_broadcast(),
        SocketAddr::V6(v6) => ipv6 && (v6.scope_id() != 0 || !v6.ip().is_unicast_link_local()),
    };
    let ip = destination.ip();
    family_fits
        && reachable
        && destination.port() != 0
        && !ip.is_unspecified()
        && !ip.is_multicast()
}

pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}

/// As a dual-stack socket wants it.
pub(super) fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into(),
        SocketAddr::V6(_) => address,
    }
}

pub(super) fn classify(error: &io::Error) -> SendResult {
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => SendResult::Full,
        Some(libc::EMSGSIZE) => SendResult::TooBig,
        Some(
            libc::EHOSTUNREACH
            | libc::ENETUNREACH
            | libc::ENETDOWN
            | libc::ECONNREFUSED
            | libc::EADDRNOTAVAIL
            | libc::EACCES
            | libc::EPERM
            | libc::EINVAL
            | libc::EAFNOSUPPORT,
        ) => SendResult::Unreachable,
        _ => SendResult::Failed,
    }
}

/// Errors of a past send or of a moment, not of the socket.
pub(super) fn passing(error: &io::Error) -> bool {
    matches!(classify(error), SendResult::Full | SendResult::TooBig)
        || matches!(
            error.raw_os_error(),
            Some(
                libc::EHOSTUNREACH
                    | libc::ENETUNREACH
                    | libc::ENETDOWN
                    | libc::ECONNREFUSED
                    | libc::ECONNRESET
                    | libc::EPROTO
            )
        )
}
