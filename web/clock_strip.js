// Reads the clock that the test picture carries along its top edge: two rows
// of 32 blocks, each 1/32 of the width by 1/24 of the height, black and white
// for 48 bits of Unix milliseconds and 16 bits of CRC-16/IBM-3740.
// Only loaded when the page is opened with `?clock`.

export const COLUMNS = 32;
export const ROWS = 2;
export const ROW_DIVISOR = 24;
const TIME_BITS = 48;
const THRESHOLD = 128;

export class ClockReader {
  #video;
  #canvas = document.createElement('canvas');
  #context = this.#canvas.getContext('2d', { willReadFrequently: true });

  constructor(video) {
    this.#video = video;
  }

  /**
   * The clock in the next shown picture: `ms`, its Unix milliseconds, `received`,
   * those at which the browser had it whole (where it says so), and `at`, those at
   * which it appears on the screen. Null when no picture comes within a second, or
   * when it carries no clock.
   */
  read() {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), 1000);
      this.#video.requestVideoFrameCallback((_now, { expectedDisplayTime, receiveTime }) => {
        clearTimeout(timer);
        const epoch = Date.now() - performance.now();
        const ms = this.#readPicture();
        resolve(ms === null ? null : { ms, received: epoch + receiveTime, at: epoch + expectedDisplayTime });
      });
    });
  }

  #readPicture() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const strip = Math.ceil((height * ROWS) / ROW_DIVISOR);
    if (this.#canvas.width !== width || this.#canvas.height !== strip) {
      Object.assign(this.#canvas, { width, height: strip });
    }
    this.#context.drawImage(this.#video, 0, 0, width, strip, 0, 0, width, strip);
    const { data } = this.#context.getImageData(0, 0, width, strip);
    return readTime(readBlocks(data, width, height));
  }
}

/** The strip's 64 bits. `rgba` needs to hold only the strip; `height` is the whole picture's. */
export function readBlocks(rgba, width, height) {
  const blockWidth = width / COLUMNS;
  const blockHeight = height / ROW_DIVISOR;
  return Array.from({ length: ROWS * COLUMNS }, (_, block) => {
    const x = (block % COLUMNS) * blockWidth;
    const y = Math.floor(block / COLUMNS) * blockHeight;
    return meanOfMiddle(rgba, width, x, y, blockWidth, blockHeight) > THRESHOLD ? 1 : 0;
  });
}

/** Unix milliseconds, or null when the checksum differs (a torn or foreign picture). */
export function readTime(bits) {
  const time = bits.slice(0, TIME_BITS);
  return crc16(time) === number(bits.slice(TIME_BITS)) ? number(time) : null;
}

/** CRC-16/IBM-3740 over bits, the most significant first. */
export function crc16(bits) {
  return bits.reduce((crc, bit) => {
    const top = (crc >> 15) ^ bit;
    return ((crc << 1) & 0xffff) ^ (top ? 0x1021 : 0);
  }, 0xffff);
}

// The block's edges are where the encoder blurs; its middle half is clean.
function meanOfMiddle(rgba, width, x, y, blockWidth, blockHeight) {
  let sum = 0;
  let count = 0;
  const [top, bottom] = [Math.floor(y + blockHeight / 4), Math.ceil(y + (blockHeight * 3) / 4)];
  const [left, right] = [Math.floor(x + blockWidth / 4), Math.ceil(x + (blockWidth * 3) / 4)];
  for (let row = top; row < bottom; row += 1) {
    for (let column = left; column < right; column += 1) {
      const at = (row * width + column) * 4;
      sum += rgba[at] + rgba[at + 1] + rgba[at + 2];
      count += 3;
    }
  }
  return sum / count;
}

function number(bits) {
  return bits.reduce((value, bit) => value * 2 + bit, 0);
}
