// Keeps the last picture in view between two calls, where the browser would
// show black. The style sheet greys it: nobody should take it for the present.

export class LastPicture {
  #video;
  #canvas;

  constructor(video, canvas) {
    this.#video = video;
    this.#canvas = canvas;
  }

  /** Call while the video still shows its stream. */
  keep() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!width || !this.#canvas.hidden) return;
    Object.assign(this.#canvas, { width, height, hidden: false });
    this.#canvas.getContext('2d').drawImage(this.#video, 0, 0);
  }

  drop() {
    this.#canvas.hidden = true;
  }
}
