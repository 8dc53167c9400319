// What survives a reload. Storage may be missing, full or forbidden: the page works without it.

const kSettings = 'swan.settings';
const kKey = 'swan.key';
const kJobs = 'swan.jobs';
const kMostJobs = 50;

function attempt(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

export function loadSettings() {
  const value = attempt(() => JSON.parse(localStorage.getItem(kSettings)));
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
}
export function saveSettings(settings) {
  attempt(() => localStorage.setItem(kSettings, JSON.stringify(settings)));
}

/// Ids of the jobs that this tab has sent lately, so that after a reload, which phones do by themselves, it still says
/// which of them failed.
export function loadJobs() {
  const value = attempt(() => JSON.parse(sessionStorage.getItem(kJobs)));
  return new Set(Array.isArray(value) ? value : []);
}
export function saveJobs(ids) {
  attempt(() => sessionStorage.setItem(kJobs, JSON.stringify([...ids].slice(-kMostJobs))));
}

/// The API key, kept until the tab is closed and only where its owner asked for that.
export function loadKey() {
  return attempt(() => sessionStorage.getItem(kKey)) ?? '';
}
export function saveKey(key) {
  attempt(() => sessionStorage.setItem(kKey, key));
}
export function forgetKey() {
  attempt(() => sessionStorage.removeItem(kKey));
}
