import type { Finding } from './failure.js'
import type { Strand } from './strand.js'

/**
 * Why nobody can go on. Undefined if somebody waits for something outside the API and it is not
 * known yet what: then `outside` are those, `moved` says whether one of them went on by itself, and
 * `resources` what the process waits for.
 */
export function stuckFinding(
  strands: readonly Strand[],
  outside?: readonly Strand[],
  moved = false,
  resources: readonly string[] = [],
): Finding | undefined {
  if (outside === undefined && strands.some((strand) => strand.waiting === 0)) return undefined
  if (outside !== undefined && (moved || resources.length > 0)) {
    const names = outside.map(nameOf).join(' and ')
    const what = resources.length > 0 ? [...new Set(resources)].join(', ') : 'something outside'
    return {
      kind: 'uncontrolled-wait',
      message:
        `${names} waits for what no schedule controls (${what})\n` +
        '  Wait with device.clock.sleep, device.sync or a call of the API.',
    }
  }
  const stops = strands
    .flatMap((strand) => strand.stops)
    .filter((stop) => stop !== undefined && stop.label !== 'race')
  const actors = strands.filter((strand) => strand.actor)
  const lines = stops.map((stop) => {
    const lost = stop!.kind === 'lost-event' ? ', which was completed before its reset' : ''
    return `${nameOf(stop!.strand)} waits for ${stop!.label}${lost}`
  })
  const sites = stops
    .filter((stop) => stop!.source !== undefined)
    .map((stop) => `\n  ${stop!.who}: ${stop!.op} at ${stop!.source}`)
  for (const strand of outside ?? []) {
    lines.push(`${nameOf(strand)} waits for a promise of its own that nobody settles`)
  }
  const locks = stops.length > 0 && stops.every((stop) => stop!.kind === 'lock')
  const lost = stops.some((stop) => stop!.kind === 'lost-event') || (!locks && actors.length <= 1)
  const kind = lost ? 'lost-wakeup' : 'deadlock'
  const what = lost ? 'nobody is left to wake it' : 'nobody can go on'
  return { kind, message: `${what}: ${lines.join('; ')}${sites.join('')}` }
}

function nameOf({ actor, name }: Strand): string {
  return actor ? `actor '${name}'` : `'${name}'`
}
