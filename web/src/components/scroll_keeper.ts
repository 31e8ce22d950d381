/** So near to the end one is reading the end. */
const NEAR_PX = 60

/**
 * Keeps what one reads where it is while rows come and go around it: either the end of the
 * conversation, or the row at the top of what is seen. (Browsers' own scroll anchoring is not in all
 * of them, and gives up at the very top, where older messages are added.)
 */
export class ScrollKeeper {
  isAtEnd = true
  private kept: { row: Element; top: number } | null = null

  constructor(private readonly scroller: HTMLElement) {}

  get above(): number {
    return this.scroller.scrollTop
  }

  get below(): number {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller
    return scrollHeight - scrollTop - clientHeight
  }

  /** The reader has scrolled, in what reaches to the end of the conversation or does not. */
  scrolled(isWhole: boolean): void {
    this.isAtEnd = isWhole && this.below < NEAR_PX
  }

  /** To be called before rows change. */
  keep(): void {
    const top = this.scroller.getBoundingClientRect().top
    const row = this.firstSeen(top)
    this.kept = row && { row, top: row.getBoundingClientRect().top - top }
  }

  /** To be called after they have, before it is painted. */
  restore(): void {
    if (this.isAtEnd) return this.toEnd()
    const { kept } = this
    if (!kept?.row.isConnected) return
    const top = kept.row.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top
    if (top !== kept.top) this.scroller.scrollTop += top - kept.top
  }

  toEnd(): void {
    this.scroller.scrollTop = this.scroller.scrollHeight
    this.isAtEnd = true
  }

  toRow(row: Element): void {
    this.isAtEnd = false
    row.scrollIntoView({ block: 'center' })
  }

  /** The first message whose lower edge is below this line. */
  private firstSeen(line: number): Element | null {
    const rows = this.scroller.getElementsByClassName('message')
    let low = 0
    let high = rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((rows[middle] as Element).getBoundingClientRect().bottom <= line) low = middle + 1
      else high = middle
    }
    return rows[low] ?? null
  }
}
