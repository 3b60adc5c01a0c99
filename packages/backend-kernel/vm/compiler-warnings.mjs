// Kernel headers are not ours to mend: their warnings do not count.
const FOREIGN = /^(?:\/usr\/|include\/|arch\/|\.\/(?:include|arch)\/)/u
const AT_A_PLACE = /^\S+:\d+(?::\d+)?: (?:warning|error):/u
const WITHOUT_PLACE = /(?:^|: )(?:warning: objtool:|WARNING: modpost:|ERROR: modpost:)/u

/**
 * The warnings of gcc, sparse, objtool and modpost in the output of a build, each a line.
 *
 * @param {string} output
 * @returns {string[]}
 */
export function compilerWarnings(output) {
  return output
    .split('\n')
    .filter((line) => (AT_A_PLACE.test(line) && !FOREIGN.test(line)) || WITHOUT_PLACE.test(line))
}
