/** Moves the focus among the elements of a container that match, and gives where it is now. Without
 * one to begin from it begins with the last for upwards, with the first for downwards. */
export function moveAmong(
  container: HTMLElement,
  selector: string,
  from: Element | null,
  step: -1 | 1,
): HTMLElement | null {
  const list = [...container.querySelectorAll<HTMLElement>(selector)]
  const at = from ? list.indexOf(from as HTMLElement) : -1
  const next = at < 0 ? (step < 0 ? list[list.length - 1] : list[0]) : list[at + step]
  next?.focus()
  return next ?? null
}

/** Of the elements that match, one is a tab stop: this one, else the current one, else the first. */
export function oneTabStop(container: HTMLElement, selector: string, wanted: Element | null): void {
  const list = [...container.querySelectorAll<HTMLElement>(selector)]
  const stop =
    list.find((each) => each === wanted) ??
    list.find((each) => each.hasAttribute('aria-current')) ??
    list[0]
  for (const each of list) each.tabIndex = each === stop ? 0 : -1
}
