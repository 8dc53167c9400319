// Requests to the server that this page came from: its errors, its key, whether it is there.

/// The server said no.
export class ApiError extends Error {
  constructor(status, { message = '', code = '', param = null } = {}, retryAfter = null) {
    super(message || `The server answered with status ${status}.`);
    this.status = status;
    this.code = code;
    this.parameter = param;
    this.retryAfter = retryAfter;  // seconds
  }
}

/// There was no answer, or not the server's.
export class Unreachable extends Error {
  constructor() {
    super('The server cannot be reached.');
  }
}

const kLocked = { message: 'This server wants an API key.', code: 'invalid_api_key' };

/// A path of the server as a URL, below the page's own folder: a proxy may serve it there.
export const urlOf = (path) => new URL(path.replace(/^\/+/, ''), document.baseURI).href;

async function errorOf(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // A proxy's own page: its status has to do.
  }
  const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  return new ApiError(response.status, body?.error ?? {}, Number.isFinite(seconds) ? Math.max(1, seconds) : null);
}

/// Events: "state", when `state` changes between "unknown", "online", "offline" and "locked" (a key is needed).
export class Api extends EventTarget {
  state = 'unknown';
  #key;
  #askForKey;
  #asking = null;

  /// @param askForKey  asks a person: (wrong: bool) => Promise of a key, or of null where none is given
  constructor(key, askForKey) {
    super();
    this.#key = key;
    this.#askForKey = askForKey;
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event('state'));
  }

  /// Asks for a key, once for all who want one. @return whether there is a new one
  unlock(wrong = false) {
    this.#asking ??= this.#askForKey(wrong)
      .then((key) => {
        if (key === null) return false;
        this.#key = key;
        this.#become('unknown');
        return true;
      })
      .finally(() => {
        this.#asking = null;
      });
    return this.#asking;
  }

  /// The answer to a request, if it is a good one. @param ask  whether a person may be asked for a key
  /// @throws ApiError, Unreachable; AbortError where the signal says so
  async send(method, path, { body = null, headers = {}, signal = null, ask = false } = {}) {
    for (;;) {
      // Requests in the background do not try keys that are known to be wrong: the server counts them.
      if (this.state === 'locked' && !ask && !(this.#asking && (await this.#asking))) throw new ApiError(401, kLocked);
      const key = this.#key;
      const all = { Accept: 'application/json', ...headers };
      if (key) all.Authorization = `Bearer ${key}`;
      if (body !== null) all['Content-Type'] = 'application/json';
      let response;
      try {
        response = await fetch(urlOf(path), {
          method,
          headers: all,
          body: body === null ? null : JSON.stringify(body),
          cache: 'no-store',
          signal,
        });
      } catch (error) {
        if (error.name === 'AbortError') throw error;
        this.#become('offline');
        throw new Unreachable();
      }
      if (response.status === 502 || response.status === 504) {  // a proxy's, about us
        this.#become('offline');
        throw new Unreachable();
      }
      if (response.status === 401) {
        if (key !== this.#key) continue;  // another request was given a new key meanwhile
        const first = this.state !== 'locked';
        this.#become('locked');
        if ((ask || first || this.#asking) && (await this.unlock(key !== ''))) continue;
        throw new ApiError(401, kLocked);
      }
      this.#become('online');
      if (!response.ok) throw await errorOf(response);
      return response;
    }
  }

  /// As send; the answer's JSON.
  async json(method, path, options) {
    const response = await this.send(method, path, options);
    try {
      return await response.json();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      this.#become('offline');  // cut off on its way
      throw new Unreachable();
    }
  }

  /// A stream broke that had been there.
  lost() {
    this.#become('offline');
  }
}
