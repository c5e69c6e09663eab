//! The radio: wpa_supplicant, udhcpc and the access point's programs, told by orders.
//!
//! A task of its own waits for the interface to appear, serves it until something
//! ends, and begins again.

use super::access_point::{self, ADDRESS, AccessPoint};
use super::children::{self, Servant};
use super::nl80211::Nl80211;
use super::wpa::Wpa;
use crate::proto::radio::{Event, Order};
use crate::proto::wifi::{Heard, Network};
use crate::proto::wpa::{self, Notice};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};

/// Orders and events on their way; the machine has few at once.
const ON_THE_WAY: usize = 64;
/// How often one looks for the interface, and for its address.
const LOOK: Duration = Duration::from_millis(500);
/// For wpa_supplicant to be there.
const START: Duration = Duration::from_secs(20);
/// After it has failed.
const AGAIN: Duration = Duration::from_secs(3);
/// Older than this, in seconds, is no part of a scan that has just ended.
const SCAN_AGE: u32 = 10;
/// Replies to the question who was heard, at most.
const PAGES: usize = 16;

/// Where things are.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The kernel's list of interfaces.
    pub net: PathBuf,
    /// Ours, for sockets.
    pub run: PathBuf,
}

impl Folders {
    pub fn conf(&self) -> PathBuf {
        self.run.join("wpa.conf")
    }

    pub fn control(&self) -> PathBuf {
        self.run.join("wpa")
    }

    pub fn global(&self) -> PathBuf {
        self.run.join("wpa-global")
    }

    /// Our end of a connection.
    pub fn own(&self, name: &str) -> PathBuf {
        self.run.join(format!("wpa-{name}"))
    }

    pub fn index(&self, interface: &str) -> Option<u32> {
        let text = std::fs::read_to_string(self.net.join(interface).join("ifindex"));
        text.ok()?.trim().parse().ok()
    }

    /// The first one that is Wi-Fi, but for our access point's.
    fn station(&self) -> Option<String> {
        let entries = std::fs::read_dir(&self.net).ok()?.flatten();
        let names = entries
            .filter(|entry| entry.path().join("phy80211").exists())
            .filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.starts_with("wlan")).min()
    }

    fn mac(&self, interface: &str) -> Option<[u8; 6]> {
        let text = std::fs::read_to_string(self.net.join(interface).join("address")).ok()?;
        let bytes = text
            .trim()
            .split(':')
            .map(|byte| u8::from_str_radix(byte, 16));
        let bytes: Result<Vec<u8>, _> = bytes.collect();
        bytes.ok()?.try_into().ok()
    }
}

/// The running task; dropping it ends it, with its programs.
#[derive(Debug)]
pub struct Radio {
    orders: mpsc::Sender<Order>,
    events: mpsc::Receiver<Event>,
    task: JoinHandle<()>,
}

impl Radio {
    pub fn start(folders: Folders) -> Radio {
        let (orders, to_do) = mpsc::channel(ON_THE_WAY);
        let (report, events) = mpsc::channel(ON_THE_WAY);
        Radio {
            orders,
            events,
            task: tokio::spawn(serve(folders, to_do, report)),
        }
    }

    pub fn order(&self, order: Order) {
        if let Err(error) = self.orders.try_send(order) {
            log::error!("the radio takes no more orders: {error}");
        }
    }

    /// Can be dropped and called again.
    pub async fn next(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            // The task does not end.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(folders: Folders, mut orders: mpsc::Receiver<Order>, report: mpsc::Sender<Event>) {
    loop {
        let name = loop {
            match folders.station() {
                Some(name) => break name,
                None => sleep(LOOK).await,
            }
        };
        let session = timeout(START, Session::begin(&folders, name, report.clone())).await;
        match session.map_err(io::Error::from).flatten() {
            Ok(mut session) => {
                while orders.try_recv().is_ok() {}
                let mac = session.mac;
                session.tell(Event::Ready { mac }).await;
                let why = session.run(&mut orders).await;
                log::warn!("Wi-Fi ends: {why}");
                session.end().await;
                let _ = report.send(Event::Gone).await;
            }
            Err(error) => log::warn!("Wi-Fi does not begin: {error}"),
        }
        sleep(AGAIN).await;
    }
}

/// One life of wpa_supplicant.
struct Session {
    folders: Folders,
    name: String,
    index: u32,
    mac: [u8; 6],
    kernel: Nl80211,
    supplicant: Child,
    commands: Wpa,
    notices: Wpa,
    access_point: Option<AccessPoint>,
    dhcp: Option<Servant>,
    address: Option<Ipv4Addr>,
    /// The number of a network that is only called.
    called: Option<u32>,
    ticks: Interval,
    report: mpsc::Sender<Event>,
}

/// What a turn has waited for.
enum Woken {
    Order(Option<Order>),
    Station(io::Result<Option<Notice>>),
    AccessPoint(io::Result<Option<Notice>>),
    Tick,
    Ended,
}

impl Session {
    async fn begin(
        folders: &Folders,
        name: String,
        report: mpsc::Sender<Event>,
    ) -> io::Result<Session> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let kernel = Nl80211::open()?;
        let index = folders.index(&name).ok_or_else(gone)?;
        let mac = folders.mac(&name).ok_or_else(gone)?;
        let _ = std::fs::remove_dir_all(folders.control());
        let _ = std::fs::remove_file(folders.global());
        // An access point outlives a steward that was killed.
        if let Some(old) = folders.index(access_point::NAME) {
            kernel.remove(old)?;
        }
        let conf = format!("ctrl_interface={}\n", folders.control().display());
        std::fs::write(folders.conf(), conf)?;
        let mut supplicant =
            children::command("wpa_supplicant", &supplicant_arguments(folders, &name))
                .spawn()
                .map_err(|error| io::Error::other(format!("wpa_supplicant: {error}")))?;
        let socket = folders.control().join(&name);
        while !socket.exists() || !folders.global().exists() {
            if let Some(status) = supplicant.try_wait()? {
                return Err(io::Error::other(format!("wpa_supplicant: {status}")));
            }
            sleep(LOOK / 5).await;
        }
        let commands = Wpa::connect(&socket, folders.own("station-ask"))?;
        let notices = Wpa::connect(&socket, folders.own("station-hear"))?;
        notices.attach().await?;
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let session = Session {
            folders: folders.clone(),
            name,
            index,
            mac,
            kernel,
            supplicant,
            commands,
            notices,
            access_point: None,
            dhcp: None,
            address: None,
            called: None,
            ticks,
            report,
        };
        session.no_power_save();
        Ok(session)
    }

    /// Until something has ended; says what.
    async fn run(&mut self, orders: &mut mpsc::Receiver<Order>) -> String {
        loop {
            let woken = tokio::select! {
                order = orders.recv() => Woken::Order(order),
                notice = self.notices.next() => Woken::Station(notice),
                notice = hear(&mut self.access_point) => Woken::AccessPoint(notice),
                () = keep(&mut self.dhcp) => Woken::Tick,
                _ = self.ticks.tick() => Woken::Tick,
                _ = self.supplicant.wait() => Woken::Ended,
            };
            match woken {
                Woken::Order(Some(order)) => self.obey(order).await,
                Woken::Order(None) => return "nobody wants it any more".into(),
                Woken::Station(Ok(Some(Notice::Terminating))) | Woken::Ended => {
                    return "wpa_supplicant has ended".into();
                }
                Woken::Station(Ok(Some(notice))) => self.hear_station(notice).await,
                Woken::AccessPoint(Ok(Some(notice))) => self.hear_access_point(notice).await,
                Woken::Station(Ok(None)) | Woken::AccessPoint(Ok(None)) => {}
                Woken::Station(Err(error)) | Woken::AccessPoint(Err(error)) => {
                    return format!("wpa_supplicant's socket: {error}");
                }
                Woken::Tick if self.folders.index(&self.name) != Some(self.index) => {
                    return format!("{} is gone", self.name);
                }
                Woken::Tick => self.look_for_address().await,
            }
        }
    }

    async fn end(mut self) {
        self.stop_dhcp().await;
        if let Some(access_point) = self.access_point.take() {
            access_point.close(&self.kernel, &self.folders).await;
        }
        children::end(self.supplicant).await;
    }

    async fn obey(&mut self, order: Order) {
        let failed = match &order {
            Order::Scan(_) => Some(Event::ScanFailed),
            Order::Open { .. } => Some(Event::Closed),
            _ => None,
        };
        let done = match order {
            Order::Country(country) => {
                let command = format!("SET country {}", country.as_str());
                self.commands.tell(&command).await
            }
            Order::Scan(called) => self.scan(called).await,
            Order::Join(network) => self.join(&network).await,
            Order::Leave => self.leave().await,
            Order::AskAddress => self.ask_address().await,
            Order::Open { ssid, frequency } => {
                let opened = self.access_point().await;
                match opened {
                    Ok(access_point) => access_point.open(&ssid, frequency).await,
                    Err(error) => Err(error),
                }
            }
            Order::Close => {
                if let Some(access_point) = self.access_point.take() {
                    access_point.close(&self.kernel, &self.folders).await;
                }
                Ok(())
            }
        };
        if let Err(error) = done {
            log::warn!("Wi-Fi: {error}");
            if let Some(event) = failed {
                self.tell(event).await;
            }
        }
    }

    async fn hear_station(&mut self, notice: Notice) {
        let event = match notice {
            Notice::Connected => Event::Connected,
            Notice::Disconnected => Event::Disconnected,
            Notice::WrongKey => Event::WrongKey,
            Notice::Rejected(status) => Event::Rejected(status),
            Notice::ScanFailed => Event::ScanFailed,
            Notice::ScanDone => match self.heard().await {
                Ok(heard) => Event::Heard(heard),
                Err(error) => {
                    log::warn!("Wi-Fi: {error}");
                    Event::ScanFailed
                }
            },
            _ => return,
        };
        if matches!(event, Event::Heard(_) | Event::ScanFailed)
            && let Some(number) = self.called.take()
        {
            let _ = self.commands.ask(&format!("REMOVE_NETWORK {number}")).await;
        }
        self.tell(event).await;
    }

    async fn hear_access_point(&mut self, notice: Notice) {
        let Some(access_point) = &mut self.access_point else {
            return;
        };
        let event = match notice {
            Notice::AccessPointUp => Event::Opened,
            Notice::AccessPointDown => Event::Closed,
            Notice::GuestCame => {
                access_point.guests += 1;
                Event::Guests(access_point.guests)
            }
            Notice::GuestLeft => {
                access_point.guests = access_point.guests.saturating_sub(1);
                Event::Guests(access_point.guests)
            }
            _ => return,
        };
        self.tell(event).await;
    }

    async fn scan(&mut self, called: Option<Network>) -> io::Result<()> {
        let mut command = "SCAN".to_owned();
        if let Some(network) = called {
            let number = self
                .commands
                .add_network(&wpa::network_values(&network))
                .await?;
            self.called = Some(number);
            command = format!("SCAN scan_id={number}");
        }
        match self.commands.ask(&command).await?.trim_ascii_end() {
            // One is under way.
            b"OK" | b"FAIL-BUSY" => Ok(()),
            _ => Err(io::Error::other("a scan does not begin")),
        }
    }

    async fn heard(&self) -> io::Result<Vec<Heard>> {
        let mut heard = Vec::new();
        let mut from = 0;
        for _ in 0..PAGES {
            let reply = self.commands.ask(&wpa::ask_heard(from)).await?;
            let page = wpa::page(&reply, SCAN_AGE);
            heard.extend(page.heard);
            match page.next {
                Some(next) if next > from => from = next,
                _ => break,
            }
        }
        Ok(wpa::each_once(heard))
    }

    async fn join(&mut self, network: &Network) -> io::Result<()> {
        self.leave().await?;
        self.notices.skip();
        let values = wpa::network_values(network);
        let number = self.commands.add_network(&values).await?;
        self.commands
            .tell(&format!("SELECT_NETWORK {number}"))
            .await
    }

    async fn leave(&mut self) -> io::Result<()> {
        self.stop_dhcp().await;
        self.called = None;
        self.commands.ask("DISCONNECT").await?;
        self.commands.ask("REMOVE_NETWORK all").await.map(drop)
    }

    /// Anew: an address of before may be another network's.
    async fn ask_address(&mut self) -> io::Result<()> {
        self.stop_dhcp().await;
        self.no_power_save();
        let arguments = dhcp_arguments(&self.name);
        self.dhcp = Some(Servant::start("udhcpc", arguments));
        Ok(())
    }

    async fn stop_dhcp(&mut self) {
        if let Some(dhcp) = self.dhcp.take() {
            dhcp.stop().await;
        }
        self.address = None;
        if let Err(error) = children::run("ifconfig", &[&self.name, "0.0.0.0"]).await {
            log::debug!("{error}");
        }
    }

    async fn look_for_address(&mut self) {
        if self.dhcp.is_none() {
            return;
        }
        let address = address_of(&self.name);
        if address != self.address {
            self.address = address;
            self.tell(Event::Address(address)).await;
        }
    }

    async fn access_point(&mut self) -> io::Result<&mut AccessPoint> {
        if self.access_point.is_none() {
            let made = AccessPoint::make(&self.kernel, &self.folders, self.index, self.mac);
            self.access_point = Some(made.await?);
        }
        self.access_point
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn no_power_save(&self) {
        if let Err(error) = self.kernel.no_power_save(self.index) {
            log::info!("{} keeps its power save: {error}", self.name);
        }
    }

    async fn tell(&self, event: Event) {
        let _ = self.report.send(event).await;
    }
}

fn supplicant_arguments(folders: &Folders, name: &str) -> Vec<String> {
    let path = |path: &Path| path.display().to_string();
    let conf = path(&folders.conf());
    let global = path(&folders.global());
    let arguments = ["-i", name, "-D", "nl80211", "-c", &conf, "-g", &global];
    arguments.map(String::from).into()
}

fn dhcp_arguments(name: &str) -> Vec<String> {
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = format!("hostname:{}", own.trim());
    let script = "/usr/share/udhcpc/default.script";
    let arguments = [
        "-f", "-i", name, "-t", "5", "-T", "2", "-A", "5", "-x", &own, "-O", "ntpsrv", "-s", script,
    ];
    arguments.map(String::from).into()
}

fn address_of(name: &str) -> Option<Ipv4Addr> {
    let interfaces = if_addrs::get_if_addrs().ok()?;
    let own = interfaces.into_iter().filter(|each| each.name == name);
    own.filter_map(|each| match each.ip() {
        IpAddr::V4(address) if !address.is_link_local() => Some(address),
        _ => None,
    })
    .find(|address| address.to_string() != ADDRESS)
}

async fn hear(access_point: &mut Option<AccessPoint>) -> io::Result<Option<Notice>> {
    match access_point {
        Some(access_point) => access_point.next().await,
        None => std::future::pending().await,
    }
}

async fn keep(servant: &mut Option<Servant>) {
    match servant {
        Some(servant) => servant.keep().await,
        None => std::future::pending().await,
    }
}
