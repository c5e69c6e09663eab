// Saves the picture that is on the screen, at the video's own size.

/** Downloads a PNG. Resolves to its file name, or null when there is no picture. */
export async function takeSnapshot(video, when = new Date()) {
  if (!video.videoWidth) return null;
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (!blob) return null;
  const name = fileName(when);
  download(blob, name);
  return name;
}

/** Local time; no character that a file system refuses, and sorted by name is sorted by time. */
export function fileName(when) {
  const two = (number) => String(number).padStart(2, '0');
  const date = [when.getFullYear(), two(when.getMonth() + 1), two(when.getDate())].join('-');
  const time = [two(when.getHours()), two(when.getMinutes()), two(when.getSeconds())].join('-');
  return `mimamori_${date}_${time}.png`;
}

function download(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // Safari reads the blob after the click has returned.
  setTimeout(() => URL.revokeObjectURL(link.href), 30_000);
}
