import { type Browser, Console } from './app.ts';

/** The key of the token in the storage of this tab. */
const TOKEN_KEY = 'keystone-propagator-token';
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

const browser: Browser = {
  document,
  fetch: (path, init) => fetch(path, init),
  timeout: (millis) => AbortSignal.timeout(millis),
  now: () => Date.now(),
  sleep,
  hash: () => location.hash,
  setHash: (hash) => {
    location.hash = hash;
  },
  token: () => sessionStorage.getItem(TOKEN_KEY) ?? undefined,
  setToken: (token) => {
    if (token === undefined) sessionStorage.removeItem(TOKEN_KEY);
    else sessionStorage.setItem(TOKEN_KEY, token);
  },
  isSafe: location.protocol === 'https:' || LOOPBACK.includes(location.hostname),
  copy: async (text) => {
    // Browsers permit copying only on pages with HTTPS and on pages of this machine.
    if (!navigator.clipboard) return false;
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  },
};

/**
 * Waits for `millis`. In a tab in the background, also waits until the tab is shown again, so that
 * it sends no requests meanwhile. Ends early when the signal aborts.
 */
async function sleep(millis: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, millis);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  while (document.hidden && !signal.aborted)
    await new Promise<void>((resolve) => {
      document.addEventListener('visibilitychange', () => resolve(), { once: true });
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
}

const page = new Console(browser);
const openPage = () => void page.open();

addEventListener('hashchange', () => {
  openPage();
  document.getElementById('main')?.focus();
  scrollTo(0, 0);
});
document.addEventListener('click', ({ target }) => {
  const button = target instanceof Element ? target.closest('[data-copy],[data-action]') : null;
  const line = button?.getAttribute('data-copy');
  if (typeof line === 'string') void page.copy(line);
  if (button?.getAttribute('data-action') === 'logout') void page.logOut();
});
document.addEventListener('click', (event) => {
  const skip = event.target instanceof Element ? event.target.closest('[data-skip]') : null;
  if (!skip) return;
  // The browser would write the target of this link after # in the address, where the console
  // expects the name of a page.
  event.preventDefault();
  document.getElementById('main')?.focus();
});
document.addEventListener('submit', (event) => {
  event.preventDefault();
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  const fields = Object.fromEntries(
    [...new FormData(form)].map(([name, value]) => [name, `${value}`]),
  );
  if (form.dataset.form === 'filters') page.filter(fields);
  if (form.dataset.form === 'login') void page.logIn(fields.token ?? '');
});
// Draw the page again each second, because the shown ages grow.
setInterval(() => {
  if (!document.hidden) page.render();
}, 1000);
openPage();
