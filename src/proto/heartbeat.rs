//! The camera server's sign of life, in systemd's protocol (`sd_notify(3)`): one
//! datagram of lines `NAME=VALUE`. Names that begin with `X_` are our own.

/// Longest datagram that is read.
pub const MAX_BYTES: usize = 1024;

/// How the camera is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// A device is open, and pictures have to come, whether anybody watches or not.
    Running,
    /// A film, or pictures encoded in software: they rest while nobody watches.
    Resting,
    /// The one that was there gives nothing; it is being tried again.
    Lost,
    /// There is none, and something else is shown in its place.
    Missing,
}

/// What one sign of life says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    pub camera: Pulse,
    /// Taken from it since the server began.
    pub frames: u64,
    pub viewers: u64,
}

impl Beat {
    pub fn datagram(&self) -> String {
        let Beat {
            camera,
            frames,
            viewers,
        } = self;
        let camera = match camera {
            Pulse::Running => "running",
            Pulse::Resting => "resting",
            Pulse::Lost => "lost",
            Pulse::Missing => "missing",
        };
        format!(
            "WATCHDOG=1\nSTATUS=camera {camera}, {frames} frames, {viewers} viewers\n\
             X_CAMERA={camera}\nX_FRAMES={frames}\nX_VIEWERS={viewers}\n"
        )
    }

    /// What a datagram says; nothing if it is no sign of life of ours.
    pub fn parse(datagram: &[u8]) -> Option<Beat> {
        if datagram.len() > MAX_BYTES {
            return None;
        }
        let text = std::str::from_utf8(datagram).ok()?;
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            lines.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        if value("WATCHDOG") != Some("1") {
            return None;
        }
        Some(Beat {
            camera: match value("X_CAMERA")? {
                "running" => Pulse::Running,
                "resting" => Pulse::Resting,
                "lost" => Pulse::Lost,
                "missing" => Pulse::Missing,
                _ => return None,
            },
            frames: value("X_FRAMES")?.parse().ok()?,
            viewers: value("X_VIEWERS")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_read() {
        for camera in [Pulse::Running, Pulse::Resting, Pulse::Lost, Pulse::Missing] {
            let beat = Beat {
                camera,
                frames: u64::MAX,
                viewers: 3,
            };
            assert_eq!(Beat::parse(beat.datagram().as_bytes()), Some(beat));
        }
    }

    #[test]
    fn what_is_no_sign_of_life_is_none() {
        let good = "WATCHDOG=1\nX_CAMERA=lost\nX_FRAMES=1\nX_VIEWERS=0";
        assert!(Beat::parse(good.as_bytes()).is_some());
        for bad in [
            String::new(),
            "READY=1".into(),
            good.replace("WATCHDOG=1", "WATCHDOG=trigger"),
            good.replace("lost", "gone"),
            good.replace("FRAMES=1", "FRAMES=-1"),
            good.replace("FRAMES=1", "FRAMES=99999999999999999999"),
            good.replace("X_VIEWERS=0", ""),
            format!("{good}\n{}", "x".repeat(MAX_BYTES)),
        ] {
            assert_eq!(Beat::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Beat::parse(b"WATCHDOG=1\n\xff"), None);
    }
}
