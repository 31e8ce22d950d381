// docs/WEBSOCKET.md as a part of a page: { html } with an address for each heading, and each frame as
// something to copy, or to put into the console if a client sends it.
import { Marked } from 'marked'

const CLIENT_TYPES = new Set(['subscribe', 'unsubscribe', 'message', 'ping'])

const escape = (text) =>
  text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char])

/** The frame that the text is, or null. */
function frameOf(text) {
  try {
    const frame = JSON.parse(text)
    return typeof frame === 'object' ? frame : null
  } catch {
    return null
  }
}

function isSentByClients({ type, text, user_id: user }) {
  if (type === undefined) return typeof text === 'string'
  return CLIENT_TYPES.has(type) || (type === 'typing' && user === undefined)
}

function framed(text) {
  const frame = frameOf(text)
  const name = escape(frame.type ?? 'text')
  const use = isSentByClients(frame)
    ? `<button type="button" class="use" aria-label="To the console: ${name}">To the console</button>`
    : ''
  return (
    `<span class="frame" data-frame><code tabindex="0" role="group" aria-label="Frame: ${name}">${escape(text)}</code>` +
    `<span class="buttons">${use}<button type="button" class="copy" aria-label="Copy: ${name}">Copy</button></span></span>`
  )
}

const lines = (text) => text.split('\n').filter((line) => line !== '')

/* What a table is called to who cannot see where it stands. */
let section = ''
let tables = 0

const renderer = {
  heading({ tokens, depth, text }) {
    section = text.replaceAll('`', '')
    tables = 0
    const id = text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
    return `<h${depth} id="${id}">${this.parser.parseInline(tokens)}</h${depth}>\n`
  },
  code({ text, lang }) {
    if (lang === 'json' && lines(text).every(frameOf)) return lines(text).map(framed).join('\n')
    return `<pre tabindex="0"><code>${escape(text)}</code></pre>\n`
  },
  codespan({ text }) {
    return frameOf(text) ? framed(text) : `<code>${escape(text)}</code>`
  },
  table(token) {
    const row = (cells, tag) =>
      `<tr>${cells.map(({ tokens }) => `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`).join('')}</tr>`
    const body = token.rows.map((cells) => row(cells, 'td')).join('\n')
    tables += 1
    return (
      `<div class="table" tabindex="0" role="region" aria-label="${escape(section)}, table ${tables}">` +
      `<table><thead>${row(token.header, 'th')}</thead><tbody>${body}</tbody></table></div>\n`
    )
  },
  // The repository's other documents are not served.
  link({ href, tokens }) {
    const words = this.parser.parseInline(tokens)
    return /^(https?:|\/|#)/.test(href) ? `<a href="${escape(href)}">${words}</a>` : words
  },
}

export const protocolPage = (markdown) => new Marked({ renderer, gfm: true }).parse(markdown)
