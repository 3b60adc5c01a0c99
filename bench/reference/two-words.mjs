/** What a range result costs at least: two 32-bit words a page, written in a plain loop. */
export function writeTwoWords(entries) {
  const words = entries.length
  for (let i = 0; i < words; i += 2) {
    entries[i] = i
    entries[i + 1] = 0xc000_0000
  }
}
