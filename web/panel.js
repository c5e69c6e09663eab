// The panel with figures: turns numbers into text, and shows them.

export class Panel {
  #root;
  #button;
  #text;
  #format;
  #onToggle;

  constructor(root, button, { language, text, onToggle }) {
    this.#root = root;
    this.#button = button;
    this.#text = text;
    this.#format = new Formats(language, text);
    this.#onToggle = onToggle;
    button.addEventListener('click', () => this.toggle());
    root.querySelector('#close').addEventListener('click', () => this.toggle(false));
  }

  get open() {
    return !this.#root.hidden;
  }

  toggle(open = !this.open) {
    if (open === this.open) return;
    // Closing must not throw the keyboard's place away.
    if (!open && this.#root.contains(document.activeElement)) this.#button.focus();
    this.#root.hidden = !open;
    this.#button.setAttribute('aria-expanded', String(open));
    this.#onToggle(open);
  }

  /** @param figures from Rates, delay from DelayMeter, size of the picture, status; any may be null */
  show({ figures, delay, size, status }) {
    const format = this.#format;
    this.#put('delay', format.delay(delay));
    this.#put('delay-note', this.#delayNote(delay));
    this.#put('resolution', format.size(size));
    this.#put('frame-rate', format.frameRate(figures?.frameRate));
    this.#put('bitrate', format.bitrate(figures?.bitrate));
    this.#put('loss', format.percent(figures?.loss));
    this.#put('round-trip', format.ms(figures?.roundTrip));
    this.#put('viewers', status ? this.#text.of(status.viewers, status.max_viewers) : '–');
    this.#put('codec', [figures?.codec, figures?.profile].filter(Boolean).join(' ') || '–');
    this.#put('uptime', format.duration(status?.uptime_seconds));
    this.#put('version', status?.version ?? '–');
  }

  #delayNote(delay) {
    if (!delay) return this.#text.delayUnknown;
    return delay.measured ? this.#text.delayMeasured : this.#text.delayEstimated;
  }

  #put(name, value) {
    const element = this.#root.querySelector(`#v-${name}`);
    if (element.textContent !== value) element.textContent = value;
  }
}

/** Numbers as people read them; an en dash for what is not known. */
export class Formats {
  #language;
  #text;

  constructor(language, text) {
    this.#language = language;
    this.#text = text;
  }

  delay(delay) {
    if (!delay) return '–';
    return `${delay.measured ? '' : '≈ '}${this.ms(delay.ms)}`;
  }

  ms(value) {
    return Number.isFinite(value) ? `${this.#number(value, value < 10 ? 1 : 0)} ms` : '–';
  }

  size(size) {
    return size?.width ? `${size.width} × ${size.height}` : '–';
  }

  frameRate(value) {
    return Number.isFinite(value) ? `${this.#number(value, 0)} ${this.#text.perSecond}` : '–';
  }

  bitrate(value) {
    if (!Number.isFinite(value)) return '–';
    return value >= 1e6 ? `${this.#number(value / 1e6, 1)} Mbit/s` : `${this.#number(value / 1e3, 0)} kbit/s`;
  }

  percent(share) {
    return Number.isFinite(share) ? `${this.#number(share * 100, 1)} %` : '–';
  }

  /** The two largest units, for example "3 d 4 h". */
  duration(seconds) {
    if (!Number.isFinite(seconds)) return '–';
    const parts = [['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]];
    const first = Math.min(parts.findIndex(([, length]) => seconds >= length) >>> 0, parts.length - 1);
    return parts.slice(first, first + 2).map(([unit, length], index) => {
      const count = Math.floor((index ? seconds % parts[first][1] : seconds) / length);
      return new Intl.NumberFormat(this.#language, { style: 'unit', unit, unitDisplay: 'short' }).format(count);
    }).join(' ');
  }

  #number(value, digits) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return new Intl.NumberFormat(this.#language, options).format(value);
  }
}
