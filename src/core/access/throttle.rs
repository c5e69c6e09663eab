//! How fast passwords may be tried.
//!
//! Each address has its own count of wrong tries, and all strangers of one [`Place`] have
//! one in common, for who has many addresses. From where somebody has logged in before, only
//! the own count matters: strangers who guess don't keep the owner out. Neither do those
//! out in the internet keep those at home out.
//!
//! A try is counted before it is known to be wrong, so that a hundred at once are a hundred.

use super::place::Place;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Wrong tries of one address until it has to wait: people mistype.
const FREE: u32 = 5;
/// Longest wait of one address.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// So long after its last try an address is as good as new.
const FORGIVEN: Duration = Duration::from_secs(24 * 3600);

/// Wrong tries of all strangers of one place until they have to wait.
const FREE_IN_ALL: u32 = 20;
/// Longest wait of all strangers of one place. Somebody who comes from a new address while
/// others guess has to wait so long at most, until their turn has come.
const LONGEST_IN_ALL: Duration = Duration::from_secs(60);
/// In this time one wrong try of all is forgiven: as long as the longest wait, so that
/// it stays the longest wait while the tries go on.
const FORGIVEN_IN_ALL: Duration = LONGEST_IN_ALL;

/// Addresses that are counted. With more, those with the fewest tries are forgotten.
const ADDRESSES: usize = 256;
/// Addresses from which somebody has logged in.
const KNOWN: usize = 16;

/// Counts of tries.
#[derive(Debug, Default)]
pub struct Throttle {
    addresses: BTreeMap<IpAddr, Tally>,
    strangers: BTreeMap<Place, Tally>,
    /// The last one is the newest.
    known: Vec<IpAddr>,
}

#[derive(Clone, Copy, Debug)]
struct Tally {
    tries: u32,
    last: Instant,
}

impl Throttle {
    /// Counts a try, or says how long to wait with it.
    pub fn try_one(&mut self, now: Instant, from: IpAddr, place: Place) -> Result<(), Duration> {
        let key = key(from);
        let own = self.addresses.get(&key).map_or(Duration::ZERO, |tally| {
            tally.wait(now, wait_of_one(tally.tries))
        });
        let stranger = !self.known.contains(&key);
        let all = match self.strangers.get(&place) {
            Some(tally) if stranger => tally.wait(now, wait_of_all(tally.tries)),
            _ => Duration::ZERO,
        };
        let wait = own.max(all);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.count(now, key);
        if stranger {
            let tally = self.strangers.entry(place).or_insert(Tally::new(now));
            tally.forgive(now);
            tally.count(now);
        }
        Ok(())
    }

    /// The try was right after all; from here somebody has logged in. Only the `owner` is
    /// forgiven all tries: a viewer could else guess the owner's password for ever, and
    /// show their own in between.
    pub fn right(&mut self, from: IpAddr, place: Place, owner: bool) {
        self.take_back(from, place);
        if owner {
            self.addresses.remove(&key(from));
        }
        self.know(from);
    }

    /// The try was not looked at.
    pub fn take_back(&mut self, from: IpAddr, place: Place) {
        if let Some(tally) = self.addresses.get_mut(&key(from)) {
            tally.tries = tally.tries.saturating_sub(1);
        }
        if !self.is_known(from)
            && let Some(tally) = self.strangers.get_mut(&place)
        {
            tally.tries = tally.tries.saturating_sub(1);
        }
    }

    /// Somebody has logged in from there, also before a restart.
    pub fn know(&mut self, from: IpAddr) {
        let key = key(from);
        self.known.retain(|known| *known != key);
        if self.known.len() == KNOWN {
            self.known.remove(0);
        }
        self.known.push(key);
    }

    pub fn is_known(&self, from: IpAddr) -> bool {
        self.known.contains(&key(from))
    }

    fn count(&mut self, now: Instant, key: IpAddr) {
        self.addresses
            .retain(|_, tally| now.saturating_duration_since(tally.last) < FORGIVEN);
        if self.addresses.len() == ADDRESSES && !self.addresses.contains_key(&key) {
            let weakest = self.addresses.iter().min_by_key(|(_, t)| (t.tries, t.last));
            if let Some(weakest) = weakest.map(|(key, _)| *key) {
                self.addresses.remove(&weakest);
            }
        }
        self.addresses
            .entry(key)
            .or_insert(Tally::new(now))
            .count(now);
    }
}

impl Tally {
    fn new(now: Instant) -> Tally {
        Tally {
            tries: 0,
            last: now,
        }
    }

    fn count(&mut self, now: Instant) {
        self.tries = self.tries.saturating_add(1);
        self.last = now;
    }

    fn wait(&self, now: Instant, whole: Duration) -> Duration {
        whole.saturating_sub(now.saturating_duration_since(self.last))
    }

    fn forgive(&mut self, now: Instant) {
        let quiet = now.saturating_duration_since(self.last).as_secs();
        let forgiven = quiet / FORGIVEN_IN_ALL.as_secs();
        self.tries = self
            .tries
            .saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX));
    }
}

/// 1 s, 2 s, 4 s, ... after the free ones.
fn wait_of_one(tries: u32) -> Duration {
    doubled(tries, FREE, 1).min(LONGEST)
}

/// Doubles with every fifth try only: several people may mistype.
fn wait_of_all(tries: u32) -> Duration {
    doubled(tries, FREE_IN_ALL, 5).min(LONGEST_IN_ALL)
}

fn doubled(tries: u32, free: u32, step: u32) -> Duration {
    match tries.checked_sub(free) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1 << (over / step).min(16)),
    }
}

/// Whoever has one IPv6 address has 2^64 of them; but all of a link share its prefix.
fn key(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) if !v6.is_unicast_link_local() => {
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn ip(n: u32) -> IpAddr {
        IpAddr::V4((0x0b00_0000 + n).into())
    }

    /// Tries as often as it is let until `end`; how often that was.
    fn guess(throttle: &mut Throttle, start: Instant, end: Instant, addresses: u32) -> u32 {
        let (mut now, mut tried, mut next) = (start, 0, 0);
        while now < end {
            let mut shortest = LONGEST;
            for _ in 0..addresses {
                next = (next + 1) % addresses;
                match throttle.try_one(now, ip(next), Place::Far) {
                    Ok(()) => {
                        tried += 1;
                        shortest = Duration::ZERO;
                        break;
                    }
                    Err(wait) => shortest = shortest.min(wait),
                }
            }
            now += shortest.max(Duration::from_millis(300));
        }
        tried
    }

    #[test]
    fn one_address_gets_slower_and_slower() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        let mut now = start;
        for _ in 0..FREE {
            assert_eq!(throttle.try_one(now, ip(1), Place::Local), Ok(()));
        }
        for expected in [1, 2, 4, 8] {
            let wait = Duration::from_secs(expected);
            assert_eq!(throttle.try_one(now, ip(1), Place::Local), Err(wait));
            assert_eq!(throttle.try_one(now, ip(2), Place::Near), Ok(()));
            now += wait - Duration::from_millis(1);
            assert!(throttle.try_one(now, ip(1), Place::Local).is_err());
            now += Duration::from_millis(1);
            assert_eq!(throttle.try_one(now, ip(1), Place::Local), Ok(()));
        }
        let tried = guess(&mut Throttle::default(), start, start + DAY, 1);
        assert!((96..120).contains(&tried), "{tried} guesses a day");
        assert_eq!(
            throttle.try_one(now + FORGIVEN, ip(1), Place::Local),
            Ok(())
        );
    }

    #[test]
    fn ten_thousand_guesses_take_days_with_any_number_of_addresses() {
        let start = Instant::now();
        for addresses in [50, 1000] {
            let mut throttle = Throttle::default();
            throttle.know(ip(90_000));
            let tried = guess(&mut throttle, start, start + DAY, addresses);
            assert!((1000..1600).contains(&tried), "{tried} guesses a day");
            assert!(throttle.addresses.len() <= ADDRESSES);
            let end = start + DAY;
            // The owner where they were before, and anybody at home, wait for nothing.
            assert_eq!(throttle.try_one(end, ip(90_000), Place::Far), Ok(()));
            assert_eq!(throttle.try_one(end, ip(90_001), Place::Local), Ok(()));
            // From a new address it takes a minute at most.
            let later = end + LONGEST_IN_ALL;
            assert_eq!(throttle.try_one(later, ip(90_002), Place::Far), Ok(()));
        }
    }

    #[test]
    fn being_right_clears_the_own_count_and_a_busy_camera_counts_nothing() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..FREE - 1 {
            throttle.try_one(now, ip(1), Place::Far).unwrap();
        }
        for _ in 0..50 {
            throttle.try_one(now, ip(1), Place::Far).unwrap();
            throttle.take_back(ip(1), Place::Far);
        }
        throttle.try_one(now, ip(1), Place::Far).unwrap();
        throttle.right(ip(1), Place::Far, true);
        for _ in 0..FREE {
            throttle.try_one(now, ip(1), Place::Far).unwrap();
        }
        // Known, and still not free to guess.
        assert!(throttle.try_one(now, ip(1), Place::Far).is_err());
    }

    #[test]
    fn a_viewer_who_guesses_is_not_forgiven_for_their_own_password() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..FREE {
            throttle.try_one(now, ip(1), Place::Local).unwrap();
        }
        let later = now + Duration::from_secs(1);
        throttle.try_one(later, ip(1), Place::Local).unwrap();
        throttle.right(ip(1), Place::Local, false);
        assert!(throttle.try_one(later, ip(1), Place::Local).is_err());
    }

    #[test]
    fn a_house_is_one_address_of_ipv6_and_a_link_s_neighbours_are_not() {
        let of = |text: &str| key(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("fe80::1"), of("fe80::2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[test]
    fn only_so_many_are_known() {
        let mut throttle = Throttle::default();
        (0..40).for_each(|n| throttle.know(ip(n)));
        (24..40).for_each(|n| throttle.know(ip(n)));
        assert!((24..40).all(|n| throttle.is_known(ip(n))));
        assert_eq!(throttle.known.len(), KNOWN);
    }
}
