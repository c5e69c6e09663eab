// Full screen for the whole page, controls included; on an iPhone, which
// allows it to videos only, for the video.

export function canFullScreen(page, video) {
  return Boolean(page.requestFullscreen || page.webkitRequestFullscreen || video.webkitEnterFullscreen);
}

export function isFullScreen() {
  return Boolean(document.fullscreenElement ?? document.webkitFullscreenElement);
}

/** Rejections (no gesture, a frame without permission) are left to the browser's own message. */
export async function toggleFullScreen(page, video) {
  try {
    if (isFullScreen()) await (document.exitFullscreen ?? document.webkitExitFullscreen).call(document);
    else if (page.requestFullscreen) await page.requestFullscreen({ navigationUI: 'hide' });
    else if (page.webkitRequestFullscreen) page.webkitRequestFullscreen();
    else video.webkitEnterFullscreen?.();
  } catch (error) {
    console.warn('mimamori:', error);
  }
}

export function onFullScreenChange(callback) {
  for (const event of ['fullscreenchange', 'webkitfullscreenchange']) {
    document.addEventListener(event, () => callback(isFullScreen()));
  }
}
