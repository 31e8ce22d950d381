// A reader of server-sent events (HTML Living Standard, 9.2), strict about what it is sent.
import assert from 'node:assert/strict';
import http from 'node:http';
import { poll, within } from './wait.mjs';

export class EventStream {
  // Resolves when the head of the answer is there; its body is in text if it is no stream.
  static open(url, path, { token, headers = {}, method = 'GET' } = {}) {
    const all = { accept: 'text/event-stream', ...headers };
    if (token) all.authorization = `Bearer ${token}`;
    const opened = new Promise((resolve, reject) => {
      const request = http.request(new URL(path, url), { method, headers: all, agent: false });
      request.on('error', reject);
      request.on('response', (response) => resolve(new EventStream(request, response)));
      request.end();
    });
    return within(`an answer to ${method} ${path}`, opened, 20_000);
  }

  constructor(request, response) {
    this.request = request;
    this.response = response;
    this.status = response.statusCode;
    this.headers = response.headers;
    this.text = ''; // what is not parsed yet, or of an answer that is no stream, all
    this.events = []; // {id, frame}: id is null for what has none
    this.comments = 0;
    this.retryMs = null;
    this.ended = false;
    const isStream = /^text\/event-stream\b/.test(this.headers['content-type'] ?? '');
    response.setEncoding('utf8');
    response.on('data', (text) => {
      this.text += text;
      if (isStream) this.parse();
    });
    this.closed = new Promise((resolve) => {
      const end = () => {
        this.ended = true;
        resolve();
      };
      response.on('end', end);
      response.on('error', end);
      response.on('close', end);
    });
    request.on('error', () => {});
  }

  parse() {
    let end;
    while ((end = this.text.indexOf('\n\n')) >= 0) {
      const block = this.text.slice(0, end);
      this.text = this.text.slice(end + 2);
      this.takeBlock(block.split('\n'));
    }
  }

  takeBlock(lines) {
    let id = null;
    let data = null;
    for (const line of lines) {
      const [, name, value] = /^([^:]*): ?(.*)$/s.exec(line) ?? assert.fail(`not a line of a stream: ${line}`);
      if (name === '') this.comments += 1;
      else if (name === 'retry') this.retryMs = Number(value);
      else if (name === 'id') id = Number(value);
      else if (name === 'data') data = data === null ? value : `${data}\n${value}`;
      else assert.fail(`a field that nobody documented: ${line}`);
    }
    if (data !== null) this.events.push({ id, frame: JSON.parse(data) });
  }

  get frames() {
    return this.events.map((event) => event.frame);
  }

  // The part that is the log.
  get logged() {
    return this.events.filter((event) => event.id !== null);
  }

  waitFor(predicate, timeoutMs = 10_000, what = 'a frame') {
    return poll(what, () => this.frames.find(predicate), { timeoutMs, everyMs: 5 });
  }

  waitType(type, timeoutMs) {
    return this.waitFor((frame) => frame.type === type, timeoutMs, type);
  }

  waitEnd(timeoutMs = 10_000) {
    return within('the stream to end', this.closed, timeoutMs);
  }

  pause() {
    this.response.pause();
  }

  resume() {
    this.response.resume();
  }

  // Cuts the connection.
  destroy() {
    this.request.destroy();
  }
}
