//! Who has a place at the gate, and who gives way.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::task::AbortHandle;

/// How far a connection has come, told by its own task.
#[derive(Debug, Default)]
pub struct Phase(AtomicU8);

/// In the order in which connections give way to new ones.
const LEAVING: u8 = 2;
const ASKING: u8 = 0;
const SERVED: u8 = 1;

impl Phase {
    /// The request is complete: the connection keeps its place.
    pub fn set_served(&self) {
        self.0.store(SERVED, Ordering::Relaxed);
    }

    /// Its answer is out; it only waits for the client to close.
    pub fn set_leaving(&self) {
        self.0.store(LEAVING, Ordering::Relaxed);
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The places, oldest first.
#[derive(Debug)]
pub struct Places {
    total: usize,
    per_peer: usize,
    taken: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    peer: IpAddr,
    phase: Arc<Phase>,
    task: AbortHandle,
}

impl Places {
    pub fn new(total: usize, per_peer: usize) -> Self {
        Self {
            total,
            per_peer,
            taken: Vec::with_capacity(total),
        }
    }

    /// Sees that there is a place for one more connection of that peer, if need
    /// be by ending one that has not finished its request. False: there is none.
    pub fn make_room(&mut self, peer: IpAddr) -> bool {
        self.taken.retain(|place| !place.task.is_finished());
        let of_peer = self.taken.iter().filter(|place| place.peer == peer).count();
        if of_peer >= self.per_peer {
            return self.evict(Some(peer));
        }
        self.taken.len() < self.total || self.evict(None)
    }

    /// Notes the newcomer.
    pub fn take(&mut self, peer: IpAddr, phase: Arc<Phase>, task: AbortHandle) {
        self.taken.push(Place { peer, phase, task });
    }

    fn evict(&mut self, of: Option<IpAddr>) -> bool {
        let oldest_in = |phase: u8| {
            self.taken.iter().position(|place| {
                place.phase.get() == phase && of.is_none_or(|peer| peer == place.peer)
            })
        };
        match oldest_in(LEAVING).or_else(|| oldest_in(ASKING)) {
            Some(index) => {
                self.taken.remove(index).task.abort();
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Visitor {
        phase: Arc<Phase>,
        task: tokio::task::JoinHandle<()>,
    }

    fn come(places: &mut Places, peer: &str) -> Option<Visitor> {
        let peer = peer.parse().unwrap();
        if !places.make_room(peer) {
            return None;
        }
        let phase = Arc::new(Phase::default());
        let task = tokio::spawn(std::future::pending());
        places.take(peer, phase.clone(), task.abort_handle());
        Some(Visitor { phase, task })
    }

    async fn is_gone(visitor: &Visitor) -> bool {
        tokio::task::yield_now().await;
        visitor.task.is_finished()
    }

    #[tokio::test]
    async fn the_oldest_that_still_asks_gives_way() {
        let mut places = Places::new(3, 3);
        let served = come(&mut places, "10.0.0.1").unwrap();
        served.phase.set_served();
        let old = come(&mut places, "10.0.0.2").unwrap();
        let young = come(&mut places, "10.0.0.3").unwrap();
        assert!(come(&mut places, "10.0.0.4").is_some());
        assert!(is_gone(&old).await);
        assert!(!is_gone(&young).await && !is_gone(&served).await);
    }

    #[tokio::test]
    async fn one_that_was_answered_gives_way_first() {
        let mut places = Places::new(2, 2);
        let asking = come(&mut places, "10.0.0.1").unwrap();
        let leaving = come(&mut places, "10.0.0.2").unwrap();
        leaving.phase.set_leaving();
        assert!(come(&mut places, "10.0.0.3").is_some());
        assert!(is_gone(&leaving).await && !is_gone(&asking).await);
    }

    #[tokio::test]
    async fn nobody_served_gives_way() {
        let mut places = Places::new(1, 1);
        let served = come(&mut places, "10.0.0.1").unwrap();
        served.phase.set_served();
        assert!(come(&mut places, "10.0.0.2").is_none());
        assert!(!is_gone(&served).await);
    }

    #[tokio::test]
    async fn one_peer_takes_only_its_own_share() {
        let mut places = Places::new(3, 2);
        let other = come(&mut places, "10.0.0.9").unwrap();
        let greedy: Vec<_> = (0..5).map(|_| come(&mut places, "10.0.0.1")).collect();
        assert!(greedy.iter().all(Option::is_some));
        assert!(!is_gone(&other).await);
        assert_eq!(places.taken.len(), 3);
    }

    #[tokio::test]
    async fn an_ended_connection_frees_its_place() {
        let mut places = Places::new(1, 1);
        let served = come(&mut places, "10.0.0.1").unwrap();
        served.phase.set_served();
        served.task.abort();
        assert!(is_gone(&served).await);
        assert!(come(&mut places, "10.0.0.2").is_some());
    }
}
