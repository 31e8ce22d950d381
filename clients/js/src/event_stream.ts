/** An event of a stream: its data lines, joined. */
export type OnData = (data: string) => void

/**
 * Reads text/event-stream (HTML Living Standard, 9.2.6) from bytes that may be cut anywhere, within
 * a character too. Of the fields only `data` counts here: the frames in it have their own numbers.
 */
export class EventStreamReader {
  private readonly decoder = new TextDecoder()
  private rest = ''
  private data: string[] = []
  /** The last piece ended with CR: a LF that follows belongs to it. */
  private endedWithCr = false

  constructor(private readonly onData: OnData) {}

  push(bytes: Uint8Array): void {
    let text = this.decoder.decode(bytes, { stream: true })
    if (text === '') return
    if (this.endedWithCr && text[0] === '\n') text = text.slice(1)
    this.endedWithCr = text === '' ? false : text.endsWith('\r')
    const lines = (this.rest + text).split(/\r\n|\n|\r/)
    this.rest = lines.pop() ?? ''
    for (const line of lines) this.line(line)
  }

  private line(line: string): void {
    if (line === '') {
      const data = this.data.join('\n')
      const isEvent = this.data.length > 0
      this.data = []
      if (isEvent) this.onData(data)
      return
    }
    const match = /^data(?:: ?(.*))?$/s.exec(line)
    if (match) this.data.push(match[1] ?? '')
  }
}
