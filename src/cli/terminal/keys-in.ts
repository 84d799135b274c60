/** The keys in what a terminal sent: characters, and an escape sequence (an arrow, ...) as one that means nothing. */
export function keysIn(text: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminals send.
  return text.match(/\x1b[[O][0-9;]*[A-Za-z~]|[\s\S]/g) ?? [];
}
