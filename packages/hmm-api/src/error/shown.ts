/** Longest text of a value in a message. */
const MOST = 40

/**
 * What was given in place of what was wanted, as a message names it: short whatever it is, an array by
 * its class only.
 */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) {
    // A bundler puts an underscore before the name of a class that uses itself.
    return String(value.constructor?.name ?? 'an object').replace(/^_/, '')
  }
  if (typeof value === 'bigint') return cut(`${value}n`)
  return typeof value === 'string' ? `'${cut(value)}'` : cut(String(value))
}

function cut(text: string): string {
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text
}
