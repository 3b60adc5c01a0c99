/**
 * Wraps a command so that it cannot outlive this process, nor leave processes or mounts behind: it runs
 * in process and mount namespaces of its own, which the kernel ends together with this process.
 *
 * @param {readonly string[]} command
 * @returns {{ program: string, args: string[] }}
 */
export function contained(command) {
  const namespaces = ['--mount', '--propagation', 'private', '--pid', '--mount-proc']
  return {
    program: 'setpriv',
    args: [
      ...['--pdeathsig', 'KILL', '--'],
      ...['unshare', ...namespaces, '--fork', '--kill-child', '--'],
      ...command,
    ],
  }
}
