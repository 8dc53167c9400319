// Server-sent events read by fetch: EventSource sends no headers, and keys are sent in one.

const kSilence = 45_000;  // ms; the server says something every 15 s

/// Reads a response's events: yields {id, name, data}, with data parsed from JSON. Ends with the stream.
/// @throws what reading throws; TypeError after a long silence, as if the network had failed
export async function* readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let event = { id: null, name: 'message', data: [] };
  try {
    for (;;) {
      const { done, value } = await withTimeout(reader.read());
      if (done) return;
      text += value;
      // A carriage return at the end may be half a line break.
      const lines = text.split(/\r\n|\n|\r(?!$)/);
      text = lines.pop();
      for (const line of lines) {
        if (line === '') {
          if (event.data.length > 0) yield { ...event, data: JSON.parse(event.data.join('\n')) };
          event = { id: null, name: 'message', data: [] };
          continue;
        }
        const colon = line.indexOf(':');
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'id') event.id = value;
        else if (field === 'event') event.name = value;
        else if (field === 'data') event.data.push(value);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function withTimeout(promise) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TypeError('no events for too long')), kSilence);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
