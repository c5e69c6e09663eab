//! The board's one lamp, which the kernel calls a LED.

use std::path::{Path, PathBuf};

/// By the names it has had; boards without one have none.
const NAMES: [&str; 3] = ["ACT", "led0", "PWR"];

#[derive(Debug)]
pub struct Led(Option<PathBuf>);

impl Led {
    pub fn find(root: &Path) -> Led {
        let class = root.join("sys/class/leds");
        let folder = NAMES
            .map(|name| class.join(name))
            .into_iter()
            .find(|path| path.exists());
        if let Some(folder) = &folder {
            // Else the kernel would go on showing what the card does.
            let _ = std::fs::write(folder.join("trigger"), "none");
        }
        Led(folder.map(|folder| folder.join("brightness")))
    }

    pub fn switch(&self, lit: bool) {
        if let Some(path) = &self.0 {
            let _ = std::fs::write(path, if lit { "1" } else { "0" });
        }
    }
}
