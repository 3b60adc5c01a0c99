import { checkKeys, type SimulationOptions } from '../sim/options.js'
import type { Switch } from './switch.js'

/** What a token holds: enough to run one schedule of a scenario again. */
export interface TokenContent {
  readonly name: string
  readonly simulation: SimulationOptions
  readonly switches: readonly Switch[]
}

/** Version of the token: older ones are refused by name, never read wrongly. */
const VERSION = 'hmm1'
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** One line of URL-safe text. */
export function encodeToken({ name, simulation, switches }: TokenContent): string {
  const list = switches.map(({ from, point, n, to }) => [from, point, n, to])
  return `${VERSION}.${toBase64(JSON.stringify([name, simulation, list]))}`
}

/** The content of a token. TypeError if it is none, or one of another version. */
export function decodeToken(token: string): TokenContent {
  const [version, text, more] = String(token).trim().split('.')
  if (version !== VERSION || text === undefined || more !== undefined) {
    const why = /^hmm\d+$/.test(version ?? '') ? `of version ${version}, not ${VERSION}` : 'none'
    throw new TypeError(`replay: '${shorten(token)}' is no token of this version: it is ${why}`)
  }
  try {
    const [name, simulation, list] = JSON.parse(fromBase64(text)) as unknown[]
    if (typeof name !== 'string' || !Array.isArray(list)) throw new TypeError('wrong content')
    return {
      name,
      simulation: checkRecord(simulation),
      switches: list.map(([from, point, n, to]) => {
        if (typeof from !== 'string' || typeof point !== 'string' || typeof to !== 'string') {
          throw new TypeError('wrong content')
        }
        if (!Number.isSafeInteger(n)) throw new TypeError('wrong content')
        return { from, point, n: n as number, to }
      }),
    }
  } catch (cause) {
    const message = `replay: token '${shorten(token)}' is damaged; copy the whole line`
    throw new TypeError(message, { cause })
  }
}

function checkRecord(value: unknown): SimulationOptions {
  if (typeof value !== 'object' || value === null) throw new TypeError('wrong content')
  return checkKeys('the token', value, Object.keys(value))
}

function shorten(token: string): string {
  return token.length > 40 ? `${token.slice(0, 40)}...` : token
}

/** RFC 4648, URL-safe, without padding, of the text's UTF-8. */
function toBase64(text: string): string {
  const bytes = new TextEncoder().encode(text)
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    for (let k = 0; k < (left > 2 ? 4 : left + 1); k++) out += ALPHABET[(word >> (18 - 6 * k)) & 63]
  }
  return out
}

function fromBase64(text: string): string {
  const bytes: number[] = []
  let word = 0
  let bits = 0
  for (const character of text) {
    const value = ALPHABET.indexOf(character)
    if (value < 0) throw new TypeError(`character '${character}'`)
    word = ((word << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes.push((word >> bits) & 255)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(bytes))
}
