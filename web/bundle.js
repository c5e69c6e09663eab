// What a bundle says of itself, before it is sent. Pure. Only what nobody would mean to
// send is refused here; the judge is the camera.

/** So much of a bundle's start is looked at, in bytes. */
export const START = 8192;

/**
 * @param start the first START bytes, or all of a shorter file
 * @returns `{version}`, or `{problem}`: 'notBundle' or 'noVersion'
 */
export function readStart(start) {
  const text = new TextDecoder('latin1').decode(start);
  // A cpio archive of the "new" kinds, which begins with the description.
  if (!/^07070[12]/.test(text)) return { problem: 'notBundle' };
  const version = /^[ \t]*version = "([^"\n]{1,64})"/m.exec(text)?.[1];
  return version ? { version } : { problem: 'noVersion' };
}

/** Reads a chosen file's start; `{problem: 'unreadable'}` if that can't be done. */
export async function look(file) {
  try {
    return readStart(await file.slice(0, START).arrayBuffer());
  } catch {
    return { problem: 'unreadable' };
  }
}
