//! Bandwidth estimation drives the encoder.

mod common;

use common::{House, Link, SECOND};

#[test]
fn the_encoder_goes_down_with_the_link_and_up_again() {
    let mut house = House::new();
    house.run(SECOND);
    let n = house.call(Link::narrow(3_000_000));
    house.run(15 * SECOND);
    let before = house.camera.bitrate;
    assert!((1_300_000..=3_000_000).contains(&before), "{before}");
    let address = house.browsers[n].address;
    house
        .network
        .set_link(address, |link| link.rate = Some(700_000));
    house.run(15 * SECOND);
    let narrow = house.camera.bitrate;
    assert!(
        (200_000..=700_000).contains(&narrow),
        "{narrow} on a link of 700 kbit/s"
    );
    house
        .network
        .set_link(address, |link| link.rate = Some(5_000_000));
    house.run(40 * SECOND);
    let after = house.camera.bitrate;
    assert!(after > 2 * narrow, "{after} after {narrow}: it recovers");
}

#[test]
fn the_ceiling_is_reached_and_kept_on_a_good_link() {
    let mut house = House::new();
    house.call(Link::GOOD);
    house.run(30 * SECOND);
    assert_eq!(house.camera.bitrate, 4_000_000);
    let raises = house.bitrates.len();
    assert!(raises < 20, "{raises} changes: {:?}", house.bitrates);
}
