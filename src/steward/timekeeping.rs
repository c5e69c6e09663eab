//! The steward's part in the time: writes it down, and takes a browser's word for it.

use super::Paths;
use crate::core::clock::{Known, Verdict, judge};
use crate::io::steward::clock::Clock;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// So much time is lost at most when the power is pulled, besides that without power.
const KEEP_EVERY: Duration = Duration::from_secs(30 * 60);

pub struct Timekeeping {
    clock: Clock,
    due: Interval,
}

impl Timekeeping {
    pub fn begin(paths: &Paths) -> Timekeeping {
        let mut due = interval_at(Instant::now() + KEEP_EVERY, KEEP_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Timekeeping {
            clock: Clock::new(&paths.root, &paths.data, &paths.run),
            due,
        }
    }

    /// Until the time has to be written down. Can be dropped and called again.
    pub async fn wait(&mut self) {
        self.due.tick().await;
    }

    pub fn keep(&self) {
        if let Err(error) = self.clock.keep() {
            log::warn!("the time can't be kept for the next start: {error}");
        }
    }

    /// What the clock says, and whether that is sure.
    pub fn facts(&self) -> Value {
        json!({
            "ms": self.clock.now().as_millis() as u64,
            "synchronised": self.clock.is_synchronised(),
        })
    }

    /// A browser says what time it is.
    pub fn hear(&self, said: Duration) -> Result<Value, String> {
        let known = Known {
            now: self.clock.now(),
            built: self.clock.built(),
            synchronised: self.clock.is_synchronised(),
        };
        match judge(known, said) {
            Verdict::Set => self.set(said)?,
            Verdict::Right | Verdict::Known => {}
            Verdict::Implausible => return Err("that can't be the time".into()),
        }
        Ok(self.facts())
    }

    fn set(&self, time: Duration) -> Result<(), String> {
        self.clock
            .set(time)
            .map_err(|error| format!("the clock can't be set: {error}"))?;
        log::info!("clock: {} s since 1970, from a browser", time.as_secs());
        self.keep();
        Ok(())
    }
}
