//! One frame's way through the core: from the encoder's access unit to encrypted
//! datagrams for every viewer.
//!
//!     cargo bench --bench frame_to_datagrams
//!     cargo bench --bench frame_to_datagrams -- --quick
//!
//! The viewers are the simulated browsers of the tests. They stay connected
//! because the simulated network carries their feedback between the frames; that
//! time, like the system calls of a real socket, is not counted.

#![allow(clippy::disallowed_methods)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{House, Link, MS, SECOND, SimCamera};
use criterion::{Criterion, criterion_group, criterion_main};
use mimamori::core::output::Output;
use std::hint::black_box;
use std::time::{Duration, Instant};
use str0m::net::Transmit;

/// 30 frames per second at 2 Mbit/s, a keyframe every two seconds: what a camera
/// gives at 1280x720.
const BITRATE: u32 = 2_000_000;
const KEYFRAME_PERIOD: u32 = 60;

fn frame_to_datagrams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame_to_datagrams");
    for viewers in [1, 8] {
        let mut run = Run::new(viewers);
        group.bench_function(format!("{viewers} viewers"), |bencher| {
            bencher.iter_custom(|frames| (0..frames).map(|_| run.frame()).sum());
        });
        run.print(viewers);
    }
    group.finish();
}

/// A house in which everybody watches, and what was measured there.
struct Run {
    house: House,
    encoder: SimCamera,
    frames: u32,
    datagrams: u32,
    bytes: usize,
    taken: Duration,
}

impl Run {
    fn new(viewers: usize) -> Run {
        let mut house = House::new();
        for _ in 0..viewers {
            house.call(Link::GOOD);
        }
        house.run(2 * SECOND);
        assert!(house.browsers.iter().all(|b| b.connected.is_some()));
        // From here on the frames come from an encoder of our own.
        house.camera.paused = true;
        let mut encoder = SimCamera::new(house.now);
        encoder.bitrate = BITRATE;
        encoder.period = KEYFRAME_PERIOD;
        Run {
            house,
            encoder,
            frames: 0,
            datagrams: 0,
            bytes: 0,
            taken: Duration::ZERO,
        }
    }

    /// Lets the house run until the next frame, and measures that frame alone.
    fn frame(&mut self) -> Duration {
        let frame = loop {
            match self.encoder.take_frame(self.house.now) {
                Some(frame) => break frame,
                None => self.house.run(MS),
            }
        };
        let now = self.house.now;
        let mut datagrams = Vec::with_capacity(1024);
        let start = Instant::now();
        self.house.hub.handle_frame(now, black_box(&frame));
        while let Some(datagram) = next_datagram(&mut self.house) {
            datagrams.push(datagram);
        }
        let taken = start.elapsed();
        self.count(&datagrams, taken);
        self.deliver(datagrams);
        taken
    }

    fn count(&mut self, datagrams: &[Transmit], taken: Duration) {
        self.frames += 1;
        self.datagrams += datagrams.len() as u32;
        self.bytes += datagrams.iter().map(|d| d.contents.len()).sum::<usize>();
        self.taken += taken;
    }

    fn deliver(&mut self, datagrams: Vec<Transmit>) {
        let House {
            network,
            browsers,
            now,
            ..
        } = &mut self.house;
        for datagram in datagrams {
            let contents = datagram.contents.into();
            network.send(*now, datagram.source, datagram.destination, contents);
        }
        for browser in browsers {
            browser.frames.clear();
        }
    }

    fn print(&self, viewers: usize) {
        let microseconds = self.taken.as_secs_f64() * 1e6;
        println!(
            "{viewers} viewers, mean of {} frames: {:.1} us per frame, {:.2} us per datagram \
             ({:.1} datagrams of {:.0} bytes per frame)",
            self.frames,
            microseconds / f64::from(self.frames),
            microseconds / f64::from(self.datagrams),
            f64::from(self.datagrams) / f64::from(self.frames),
            self.bytes as f64 / f64::from(self.datagrams),
        );
    }
}

/// The next datagram that the core wants sent, `None` when it waits. The encoder
/// here obeys nobody, so that every run measures the same frames.
fn next_datagram(house: &mut House) -> Option<Transmit> {
    loop {
        match house.hub.poll_output(house.now) {
            Output::Transmit(datagram) => return Some(datagram),
            Output::Timeout(..) => return None,
            _ => {}
        }
    }
}

criterion_group!(benches, frame_to_datagrams);
criterion_main!(benches);
