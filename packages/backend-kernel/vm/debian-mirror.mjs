import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { VmError } from './vm-error.mjs'

/**
 * The address of a Debian mirror: HMM_SDK_MIRROR, else the one in the host's own apt configuration.
 *
 * @param {{ etc?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export function debianMirror({ etc = '/etc/apt', env = process.env } = {}) {
  const own = env['HMM_SDK_MIRROR']
  if (own !== undefined && own !== '') return own
  const found = aptFiles(etc).flatMap(({ name, text }) =>
    name.endsWith('.sources') ? mirrorsOfDeb822(text) : mirrorsOfList(text),
  )
  const mirror = found.find((uri) => /^(?:https?|file):/u.test(uri) && /\/debian\/?$/u.test(uri))
  if (mirror === undefined) {
    throw new VmError(
      'host-unsuitable',
      `no Debian mirror in ${etc} (sources.list, sources.list.d): set HMM_SDK_MIRROR to the address of one`,
    )
  }
  return mirror.replace(/\/$/u, '')
}

/**
 * Addresses in the one-line format: `deb [options] uri suite component...`.
 *
 * @param {string} text
 */
export function mirrorsOfList(text) {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+\S+/u.exec(line)
    return match?.[1] === undefined ? [] : [match[1]]
  })
}

/**
 * Addresses in the deb822 format: paragraphs with `Types`, `URIs` and an optional `Enabled`.
 *
 * @param {string} text
 */
export function mirrorsOfDeb822(text) {
  const clean = text.replaceAll(/^#.*\n?/gmu, '')
  return clean.split(/\n\s*\n/u).flatMap((paragraph) => {
    /** @param {string} name */
    const field = (name) =>
      new RegExp(`^${name}:((?:.*)(?:\\n[ \\t].*)*)`, 'imu').exec(paragraph)?.[1]?.trim()
    if (field('Enabled')?.toLowerCase() === 'no') return []
    if (!(field('Types') ?? '').split(/\s+/u).includes('deb')) return []
    return (field('URIs') ?? '').split(/\s+/u).filter((uri) => uri !== '')
  })
}

/**
 * @param {string} etc
 * @returns {{ name: string, text: string }[]}
 */
function aptFiles(etc) {
  const folder = join(etc, 'sources.list.d')
  /** @type {string[]} */
  let names = []
  try {
    names = readdirSync(folder).filter((name) => /\.(?:list|sources)$/u.test(name))
  } catch {
    // No such folder: the classic file alone.
  }
  const paths = [join(etc, 'sources.list'), ...names.sort().map((name) => join(folder, name))]
  return paths.flatMap((path) => {
    try {
      return [{ name: path, text: readFileSync(path, 'utf8') }]
    } catch {
      return []
    }
  })
}
