// A code block of the docs is a file: ```js file=NAME. Blocks ```text output=NAME hold how the output of that
// file begins; `exit=N` says with which code it ends, if not 0.

/** The fenced code blocks of a Markdown text. */
export function docBlocks(text) {
  return [...text.matchAll(/^```(\w+)?(.*)\n([^]*?)^```$/gm)].map(
    ([, language = '', info = '', code = '']) => ({
      language,
      code,
      file: /\bfile=(\S+)/.exec(info)?.[1],
      output: /\boutput=(\S+)/.exec(info)?.[1],
      exit: Number(/\bexit=(\d+)/.exec(info)?.[1] ?? 0),
      run: /\brun\b/.test(info),
    }),
  )
}
