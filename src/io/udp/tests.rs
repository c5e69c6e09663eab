use super::*;
use std::collections::VecDeque;

/// One datagram, kept.
type Kept = (SocketAddr, IpAddr, Vec<u8>);

fn bind(address: &str) -> Udp {
    Udp::bind(address.parse().unwrap()).unwrap()
}

fn at(ip: &str, udp: &Udp) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), udp.local_addr().port())
}

fn ipv6_here() -> bool {
    let here = UdpSocket::bind("[::1]:0").is_ok();
    if !here {
        println!("skipped: no IPv6 on this machine");
    }
    here
}

/// Receives until `count` datagrams are there; fails after 5 s.
async fn take(udp: &mut Udp, count: usize) -> VecDeque<Kept> {
    let mut kept = VecDeque::new();
    tokio::time::timeout(Duration::from_secs(5), async {
        while kept.len() < count {
            udp.readable().await.unwrap();
            udp.receive(|d| kept.push_back((d.source, d.local_ip, d.contents.to_vec())))
                .unwrap();
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{} of {count} datagrams came", kept.len()));
    kept
}

async fn echo(a: &mut Udp, b: &mut Udp, to_b: &str, local_of_a: &str) {
    let destination = at(to_b, b);
    assert_eq!(a.send(None, destination, b"ping", None), SendResult::Sent);
    let (source, local_ip, contents) = take(b, 1).await.pop_front().unwrap();
    assert_eq!(source, at(local_of_a, a));
    assert_eq!(local_ip, destination.ip());
    assert_eq!(contents, b"ping");
    assert_eq!(
        b.send(Some(local_ip), source, b"pong", None),
        SendResult::Sent
    );
    let (source, _, contents) = take(a, 1).await.pop_front().unwrap();
    assert_eq!(source, destination);
    assert_eq!(contents, b"pong");
}

#[tokio::test]
async fn ipv4_goes_both_ways() {
    let (mut a, mut b) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
    echo(&mut a, &mut b, "127.0.0.1", "127.0.0.1").await;
}

#[tokio::test]
async fn ipv6_goes_both_ways() {
    if ipv6_here() {
        let (mut a, mut b) = (bind("[::1]:0"), bind("[::1]:0"));
        echo(&mut a, &mut b, "::1", "::1").await;
    }
}

#[tokio::test]
async fn either_unspecified_address_serves_both_families() {
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let mut server = bind(listen);
        assert!(server.local_addr().ip().is_unspecified());
        let mut v4 = bind("127.0.0.1:0");
        echo(&mut v4, &mut server, "127.0.0.1", "127.0.0.1").await;
        if ipv6_here() {
            let mut v6 = bind("[::1]:0");
            echo(&mut v6, &mut server, "::1", "::1").await;
        }
    }
}

#[tokio::test]
async fn answers_leave_from_the_address_that_was_asked() {
    let mut server = bind("0.0.0.0:0");
    let mut client = bind("127.0.0.1:0");
    echo(&mut client, &mut server, "127.0.0.2", "127.0.0.1").await;
}

#[tokio::test]
async fn a_run_arrives_as_its_datagrams() {
    for (listen, ip) in [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.3")] {
        let mut sender = bind("0.0.0.0:0");
        let mut receiver = bind(listen);
        // 150 datagrams: more than one run can hold, and a shorter one at the end.
        let contents: Vec<u8> = (0..149 * 1200 + 700).map(|i| (i / 1200) as u8).collect();
        let destination = at(ip, &receiver);
        assert_eq!(
            sender.send(None, destination, &contents, Some(1200)),
            SendResult::Sent
        );
        let got = take(&mut receiver, 150).await;
        assert_eq!(got.len(), 150);
        for (index, (_, _, datagram)) in got.iter().enumerate() {
            assert_eq!(datagram.len(), if index < 149 { 1200 } else { 700 });
            assert!(datagram.iter().all(|b| usize::from(*b) == index));
        }
        let stats = sender.stats();
        assert_eq!(stats.sent_datagrams, 150);
        assert_eq!(stats.sent_bytes, contents.len() as u64);
        let calls_with_offload = 150_u64.div_ceil(54);
        assert!(stats.send_calls == calls_with_offload || sender.max_segments() == 1);
        println!("{} calls for 150 datagrams", stats.send_calls);
    }
}

#[tokio::test]
async fn a_kernel_without_segmentation_gets_datagrams_one_by_one() {
    let mut sender = bind("127.0.0.1:0");
    sender.offload = false;
    let mut receiver = bind("127.0.0.1:0");
    let destination = at("127.0.0.1", &receiver);
    sender.send(None, destination, &[7; 2500], Some(1000));
    let sizes: Vec<usize> = take(&mut receiver, 3)
        .await
        .iter()
        .map(|d| d.2.len())
        .collect();
    assert_eq!(sizes, [1000, 1000, 500]);
    assert_eq!(sender.stats().send_calls, 3);
}

#[tokio::test]
async fn a_batch_sends_equal_neighbours_together_and_keeps_the_order() {
    let mut sender = bind("127.0.0.1:0");
    let (mut one, mut two) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
    let (to_one, to_two) = (at("127.0.0.1", &one), at("127.0.0.1", &two));
    let mut batch = SendBatch::new();
    let mut push = |to, id: u8, length| batch.push(&mut sender, None, to, &vec![id; length]);
    push(to_one, 0, 1000);
    push(to_one, 1, 1000);
    push(to_one, 2, 400); // shorter: ends the run
    push(to_one, 3, 400);
    push(to_one, 4, 900); // longer: begins another
    push(to_two, 5, 900); // another destination
    push(to_one, 6, 10);
    batch.flush(&mut sender);
    batch.flush(&mut sender);

    let seen = |got: VecDeque<Kept>| -> Vec<(u8, usize)> {
        got.iter().map(|d| (d.2[0], d.2.len())).collect()
    };
    assert_eq!(
        seen(take(&mut one, 6).await),
        [(0, 1000), (1, 1000), (2, 400), (3, 400), (4, 900), (6, 10)]
    );
    assert_eq!(seen(take(&mut two, 1).await), [(5, 900)]);
    if sender.max_segments() > 1 {
        assert_eq!(sender.stats().send_calls, 5);
    }
}

#[tokio::test]
async fn a_batch_never_outgrows_one_call() {
    let mut sender = bind("127.0.0.1:0");
    let mut receiver = bind("127.0.0.1:0");
    let destination = at("127.0.0.1", &receiver);
    let mut batch = SendBatch::new();
    for id in 0..130u8 {
        let length = if id < 65 { 1400 } else { 60 };
        batch.push(&mut sender, None, destination, &vec![id; length]);
        assert!(batch.buffer.len() <= MAX_RUN_BYTES);
    }
    batch.flush(&mut sender);
    let got = take(&mut receiver, 130).await;
    assert!((0..130u8).eq(got.iter().map(|d| d.2[0])));
    assert_eq!(sender.stats().sent_datagrams, 130);
}

#[tokio::test]
async fn a_refused_port_disturbs_nobody() {
    let mut server = bind("0.0.0.0:0");
    let closed = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for _ in 0..3 {
        server.send(None, closed, b"anybody?", None);
        assert_eq!(server.receive(|_| ()).unwrap(), 0);
    }
    let mut client = bind("127.0.0.1:0");
    echo(&mut client, &mut server, "127.0.0.1", "127.0.0.1").await;
}

#[tokio::test]
async fn impossible_destinations_are_counted_and_dropped() {
    let mut server = bind("0.0.0.0:0");
    let hopeless = [
        "127.0.0.1:0",
        "0.0.0.0:9",
        "255.255.255.255:9",
        "224.0.0.1:9",
        "[fe80::1]:9",
        "[ff02::1]:9",
        "[::]:9",
    ];
    for destination in hopeless {
        let sent = server.send(None, destination.parse().unwrap(), &[1; 100], Some(40));
        assert_eq!(sent, SendResult::Unreachable, "{destination}");
    }
    let wrong_family = Some("::1".parse().unwrap());
    server.send(wrong_family, "127.0.0.1:9".parse().unwrap(), &[1], None);
    assert_eq!(
        server.stats().dropped_unreachable,
        3 * hopeless.len() as u64 + 1
    );
    assert_eq!(server.stats().send_calls, 0);
}

#[tokio::test]
async fn a_datagram_too_long_for_udp_is_counted_and_dropped() {
    let mut server = bind("127.0.0.1:0");
    let sent = server.send(None, "127.0.0.1:9".parse().unwrap(), &[0; 70_000], None);
    assert_eq!(sent, SendResult::TooBig);
    assert_eq!(server.stats().dropped_too_big, 1);
}

#[tokio::test]
async fn a_vanished_source_address_does_not_end_segmentation() {
    if !ipv6_here() {
        return;
    }
    let mut server = bind("[::]:0");
    let before = server.max_segments();
    // The documentation prefix (RFC 3849) is nobody's, so the kernel says EINVAL.
    let gone = Some("2001:db8::1".parse().unwrap());
    let mut client = bind("[::1]:0");
    let to = at("::1", &client);
    assert_eq!(
        server.send(gone, to, &[1; 300], Some(100)),
        SendResult::Unreachable
    );
    assert_eq!(server.stats().dropped_unreachable, 3);
    assert_eq!(server.max_segments(), 1);
    server.offload_rest = server.offload_rest.map(|_| Instant::now());
    server.send(None, to, &[1; 300], Some(100));
    assert_eq!(take(&mut client, 3).await.len(), 3);
    assert_eq!(server.max_segments(), before);
}

#[tokio::test]
async fn a_source_address_of_nobody_is_counted_and_dropped() {
    let mut server = bind("0.0.0.0:0");
    // TEST-NET-1 (RFC 5737).
    let gone = Some("192.0.2.1".parse().unwrap());
    let to = "127.0.0.1:9".parse().unwrap();
    let sent = server.send(gone, to, &[1; 300], Some(100));
    assert_eq!(sent, SendResult::Unreachable);
    assert_eq!(server.stats().dropped_unreachable, 3);
}

#[tokio::test]
async fn a_flood_is_taken_in_turns() {
    let mut server = bind("127.0.0.1:0");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let total = RECEIVE_BATCH * RECEIVE_CALLS + 5;
    for index in 0..total {
        client.send_to(&[index as u8], server.local_addr()).unwrap();
    }
    server.readable().await.unwrap();
    let first = server.receive(|_| ()).unwrap();
    assert_eq!(first, RECEIVE_BATCH * RECEIVE_CALLS);
    assert_eq!(take(&mut server, 5).await.len(), 5);
    assert_eq!(server.receive(|_| ()).unwrap(), 0);
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let server = bind("0.0.0.0:0");
    assert!(Udp::bind(server.local_addr()).is_err());
}
