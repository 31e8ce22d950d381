const PICTURE =
  '(?:\\p{Regional_Indicator}{2}|[0-9#*]\\ufe0f?\\u20e3|' +
  '\\p{Extended_Pictographic}(?:\\ufe0f|\\p{Emoji_Modifier})*' +
  '(?:\\u200d\\p{Extended_Pictographic}(?:\\ufe0f|\\p{Emoji_Modifier})*)*)'
const FEW = new RegExp(`^\\s*(?:${PICTURE}\\s*){1,6}$`, 'u')

/** One to six emoji and nothing else: shown larger. */
export function isFewEmoji(text: string): boolean {
  return text.length <= 120 && FEW.test(text)
}
