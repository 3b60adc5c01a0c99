/** @param {string} text */
export function shellQuote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/**
 * A shell script that runs a command as the caller would: same folder, these variables and no others.
 *
 * @param {readonly string[]} command
 * @param {string} cwd
 * @param {Readonly<Record<string, string>>} env
 */
export function guestScript(command, cwd, env) {
  const variables = Object.entries(env).map(
    ([name, value]) => `export ${name}=${shellQuote(value)}`,
  )
  return [
    ...variables,
    `cd ${shellQuote(cwd)} || exit 126`,
    `exec ${command.map(shellQuote).join(' ')}`,
    '',
  ].join('\n')
}

/** Variables that a guest's command gets from the caller's environment without being asked. */
const PASSED =
  /^(?:PATH|HOME|LANG|LC_\w+|TZ|TERM|CI|NO_COLOR|FORCE_COLOR|NODE_\w+|VITEST\w*|HMM_\w+)$/u

/** @param {NodeJS.ProcessEnv} env */
export function passedVariables(env) {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && PASSED.test(name) ? [[name, value]] : [],
    ),
  )
}
