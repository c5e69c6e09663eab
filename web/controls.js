// Keyboard, and controls that step aside while nobody needs them.

const IDLE_AFTER = 3500; // ms

/** Calls `actions[key]` for plain key presses that nothing else wants. */
export function listenToKeys(actions) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/**
 * Puts the class `idle` on the page after some seconds without a sign of the
 * person, unless `busy()`. The style sheet fades the controls then; they stay
 * in the page, and come back for the pointer, a touch, a key and the focus.
 */
export function fadeWhenIdle(page, busy) {
  let timer = 0;
  const rest = () => {
    if (busy()) timer = setTimeout(rest, IDLE_AFTER);
    else page.classList.add('idle');
  };
  const wake = () => {
    page.classList.remove('idle');
    clearTimeout(timer);
    timer = setTimeout(rest, IDLE_AFTER);
  };
  for (const event of ['pointermove', 'pointerdown', 'keydown', 'focusin']) {
    document.addEventListener(event, wake, { passive: true });
  }
  wake();
  return wake;
}
