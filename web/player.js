// The <video>: shows the stream, starts it, and asks for a tap where the
// browser does not let it start by itself (an iPhone in low-power mode).

export class Player {
  #video;
  #button;
  #onBlocked;
  blocked = false;

  /** @param onBlocked called with true when a tap is needed, false when no longer */
  constructor(video, button, onBlocked) {
    this.#video = video;
    this.#button = button;
    this.#onBlocked = onBlocked;
    video.muted = true; // the attribute alone does not count for every autoplay policy
    button.addEventListener('click', () => this.play());
    // iPhones pause the video when their own full screen ends.
    for (const event of ['pause', 'webkitendfullscreen']) {
      video.addEventListener(event, () => video.srcObject?.active && this.play());
    }
    video.addEventListener('playing', () => this.#setBlocked(false));
  }

  show(stream) {
    this.#video.srcObject = stream;
    return this.play();
  }

  async play() {
    try {
      await this.#video.play();
      this.#setBlocked(false);
    } catch (error) {
      // AbortError only says that another stream took this one's place.
      if (error.name === 'NotAllowedError') this.#setBlocked(true);
    }
  }

  #setBlocked(blocked) {
    if (this.blocked === blocked) return;
    this.blocked = blocked;
    this.#button.hidden = !blocked;
    this.#onBlocked(blocked);
  }
}
