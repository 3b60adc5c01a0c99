import { COMMON_OPTIONS, parseOptions, print } from './command-line.mjs'
import { doctor } from './doctor.mjs'
import { EXIT_CODES } from './vm-error.mjs'

/** @param {readonly string[]} args */
export async function doctorCommand(args) {
  const values = parseOptions(args, COMMON_OPTIONS)
  const report = await doctor()
  print(
    values.json,
    report,
    report.checks
      .map(
        ({ ok, needed, title, hint }) =>
          `${ok ? 'ok  ' : needed ? 'MISS' : 'none'} ${title}${hint === '' ? '' : `: ${hint}`}`,
      )
      .join('\n'),
  )
  return report.ok ? 0 : EXIT_CODES['host-unsuitable']
}
