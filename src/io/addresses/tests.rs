use super::*;
use std::process::Command;

fn ips(text: &str) -> Vec<IpAddr> {
    text.split_whitespace()
        .map(|ip| ip.parse().unwrap())
        .collect()
}

#[test]
fn addresses_come_in_a_stable_order_without_what_nobody_can_use() {
    let mixed = ips(
        "::1 127.0.0.1 fe80::1 2001:db8::2 169.254.1.1 10.0.0.2 fd00::1 10.0.0.2 :: \
                     192.168.1.9 ::ffff:10.0.0.3",
    );
    let ordered =
        ips("10.0.0.2 10.0.0.3 192.168.1.9 2001:db8::2 fd00::1 169.254.1.1 127.0.0.1 ::1");
    assert_eq!(usable(mixed.iter().copied()), ordered);
    assert_eq!(usable(mixed.iter().rev().copied()), ordered);
}

#[test]
fn a_machine_with_very_many_addresses_offers_some() {
    let many = (0..1000u32).map(|n| IpAddr::from((0x0a00_0000 + n).to_be_bytes()));
    assert_eq!(usable(many).len(), MAX_ADDRESSES);
}

#[tokio::test]
async fn this_machine_has_addresses() {
    let watch = AddressWatch::new();
    assert_eq!(watch.current(), usable_addresses().unwrap());
}

/// Runs `test` in an empty network of its own, on a thread of its own. Where
/// that is not permitted, says so and succeeds.
fn in_own_network(test: impl AsyncFnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        // SAFETY: takes no pointers, and moves only this thread into the new
        // network namespace.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            let why = io::Error::last_os_error();
            return println!("skipped: no network namespace: {why}");
        }
        if !ip("link set lo up") {
            return println!("skipped: no ip command");
        }
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(test());
    })
    .join()
    .unwrap();
}

/// Runs ip(8) in this thread's network.
fn ip(arguments: &str) -> bool {
    Command::new("ip")
        .args(arguments.split(' '))
        .status()
        .is_ok_and(|status| status.success())
}

async fn changed(watch: &mut AddressWatch) -> Vec<IpAddr> {
    tokio::time::timeout(Duration::from_secs(5), watch.changed())
        .await
        .expect("no change seen")
}

#[test]
fn addresses_that_come_and_go_are_told() {
    in_own_network(async || {
        let mut watch = AddressWatch::new();
        assert!(watch.netlink.is_some());
        let before = watch.current();
        assert!(before.iter().all(IpAddr::is_loopback), "{before:?}");

        assert!(ip("addr add 192.0.2.7/24 dev lo"));
        let with = [ips("192.0.2.7"), before.clone()].concat();
        assert_eq!(changed(&mut watch).await, with);
        assert_eq!(watch.current(), with);

        assert!(ip("addr del 192.0.2.7/24 dev lo"));
        assert_eq!(changed(&mut watch).await, before);

        assert!(ip("link set lo down"));
        assert_eq!(changed(&mut watch).await, ips(""));
    });
}

#[test]
fn news_that_change_nothing_are_kept_back() {
    in_own_network(async || {
        let mut watch = AddressWatch::new();
        assert!(ip("addr add 192.0.2.7/24 dev lo"));
        assert!(ip("addr del 192.0.2.7/24 dev lo"));
        let quiet = tokio::time::timeout(3 * DEBOUNCE, watch.changed()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    });
}

#[test]
fn a_dropped_wait_loses_nothing() {
    in_own_network(async || {
        let mut watch = AddressWatch::new();
        assert!(ip("addr add 192.0.2.7/24 dev lo"));
        // As in a loop whose other branches are busy: the future never lives
        // as long as the debounce takes.
        let begun = Instant::now();
        let new = loop {
            assert!(begun.elapsed() < Duration::from_secs(5), "no change seen");
            let step = Duration::from_millis(20);
            if let Ok(new) = tokio::time::timeout(step, watch.changed()).await {
                break new;
            }
        };
        assert_eq!(new[0], ips("192.0.2.7")[0]);
    });
}

#[test]
fn without_netlink_it_polls() {
    in_own_network(async || {
        let mut watch = AddressWatch::new();
        watch.netlink = None;
        watch.poll = Duration::from_millis(50);
        assert!(ip("addr add 192.0.2.7/24 dev lo"));
        assert_eq!(changed(&mut watch).await[0], ips("192.0.2.7")[0]);
    });
}
