//! What letting people in costs, for scripts/count --access: does one thing for each line
//! that it reads, says so with a line, and waits for the next one.
//!
//! `hash` and `verify` look at a password; `listen` says a port and then answers one HTTPS
//! request after another there.

use mimamori::io::access::Event;
use mimamori::io::access::hasher::Hasher;
use mimamori::io::tls::{Tls, certificate, greet};
use mimamori::proto::auth::secret::Secret;
use std::io::BufRead;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const LIMIT: Duration = Duration::from_secs(60);

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let (events, mut heard) = unbounded_channel();
    let hasher = Hasher::start(events)?;
    let mut phc = String::new();
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        match line?.as_str() {
            "hash" => {
                hasher.hash(1, Secret::new("correct horse"));
                if let Some(Event::Hashed { phc: made, .. }) = heard.recv().await {
                    phc = made;
                }
                println!("done {phc}");
            }
            "verify" => verify(&hasher, &mut heard, &phc).await,
            "listen" => listen().await?,
            other => return Err(format!("{other:?} can't be counted").into()),
        }
    }
    Ok(())
}

async fn verify(hasher: &Hasher, heard: &mut UnboundedReceiver<Event>, phc: &str) {
    hasher.verify(2, phc.to_owned(), Secret::new("correct horse"));
    println!("done {:?}", heard.recv().await);
}

async fn listen() -> Outcome {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("a folder is needed")?);
    let names = ["mimamori.local".to_owned()];
    let pair = certificate::load_or_create(&folder, &names, &[])?;
    let tls = Tls::new(&pair)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("port {}", listener.local_addr()?.port());
    loop {
        let (tcp, _) = listener.accept().await?;
        match greet(tcp, Some(&tls), LIMIT).await {
            Ok(mut stream) => {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
            Err(why) => eprintln!("{why:?}"),
        }
        println!("answered");
    }
}
