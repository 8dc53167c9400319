// Numbers and facts as people read them.

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/// "3.2 s", "1 min 20 s", "2 h 5 min"
export function duration(seconds) {
  if (seconds < 9.95 && !Number.isInteger(seconds)) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/// "12 kB", "3.4 MB"
export function fileSize(bytes) {
  if (bytes < 1000) return plural(bytes, 'byte');
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

export function shorten(text, length) {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

/// What the server says, as a sentence.
export function sentence(text) {
  const [first = '', ...rest] = [...text];
  return first.toUpperCase() + rest.join('') + (/[.!?]$/.test(text) ? '' : '.');
}

/// A number without zeros that say nothing.
export const number = (value) => String(Math.round(value * 1e6) / 1e6);

const kStages = {
  load: 'Loading the model',
  encode: 'Reading the prompt',
  denoise: 'Step',
  decode: 'Painting the pixels',
  save: 'Saving',
};

/// What a job is doing, in a line.
export function statusText(job) {
  switch (job.status) {
    case 'queued':
      if (job.queue_position === null) return 'Waiting';
      return job.queue_position <= 1 ? 'Next in the queue' : `Number ${job.queue_position} in the queue`;
    case 'running': {
      const progress = job.progress;
      if (!progress) return 'Starting';
      let text = kStages[progress.stage] ?? 'Working';
      if (progress.stage === 'denoise') text = `Step ${Math.min(progress.step, progress.steps)} of ${progress.steps}`;
      if (progress.eta_seconds !== null) text += ` · about ${duration(Math.max(1, Math.round(progress.eta_seconds)))} left`;
      return text;
    }
    case 'succeeded':
      return `Done in ${duration(job.finished_at - (job.started_at ?? job.created_at))}`;
    case 'cancelled':
      return 'Cancelled';
    default:
      return job.error ? sentence(job.error.message) : 'Failed';
  }
}

/// What a job makes: "2 pictures", "video".
export function productText(job) {
  if (job.kind === 'video') return 'video';
  const count = job.request.n ?? 1;
  return count === 1 ? 'picture' : `${count} pictures`;
}

/// A job's settings in a line. They may be the client's own, who left out what the model decides.
export function factsText(job) {
  const request = job.request;
  const facts = [job.model];
  if (request.width && request.height) facts.push(`${request.width} × ${request.height}`);
  if (request.num_frames) facts.push(plural(request.num_frames, 'frame'));
  if (request.num_inference_steps) facts.push(plural(request.num_inference_steps, 'step'));
  if (request.seed !== undefined) facts.push(`seed ${request.seed}`);
  return facts.join(' · ');
}
