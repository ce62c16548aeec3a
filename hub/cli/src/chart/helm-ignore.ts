/** Whether a path inside the chart is left out of the package. Folders end without a slash. */
export type IgnoreRule = (path: string, isFolder: boolean) => boolean;

interface Pattern {
  matches(path: string): boolean;
  isNegated: boolean;
  isFolderOnly: boolean;
}

function escaped(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}

function globToRegExp(glob: string): RegExp {
  let source = '';
  for (let at = 0; at < glob.length; at += 1) {
    const c = glob[at] ?? '';
    if (c === '*') source += '[^/]*';
    else if (c === '?') source += '[^/]';
    else if (c === '[') {
      const end = glob.indexOf(']', at + 1);
      if (end < 0) throw new Error(`"${glob}" has a [ without a ]`);
      const set = glob.slice(at + 1, end).replace(/\\/g, '\\\\');
      source += `[${set}]`;
      at = end;
    } else if (c === '\\' && at + 1 < glob.length) {
      at += 1;
      source += escaped(glob[at] ?? '');
    } else source += escaped(c);
  }
  return new RegExp(`^${source}$`, 'u');
}

function patternOf(line: string): Pattern {
  if (line.includes('**')) throw new Error(`"${line}": ** is not supported, as in Helm`);
  const isNegated = line.startsWith('!');
  const bare = isNegated ? line.slice(1) : line;
  const isFolderOnly = bare.endsWith('/');
  const glob = isFolderOnly ? bare.slice(0, -1) : bare;
  if (glob.startsWith('/')) {
    const anchored = globToRegExp(glob.slice(1));
    return { isNegated, isFolderOnly, matches: (path) => anchored.test(path) };
  }
  const regExp = globToRegExp(glob);
  const matches = glob.includes('/')
    ? (path: string) => regExp.test(path)
    : (path: string) => regExp.test(path.slice(path.lastIndexOf('/') + 1));
  return { isNegated, isFolderOnly, matches };
}

function decides(pattern: Pattern, path: string, isFolder: boolean): boolean {
  // Helm's negation: what a `!` rule does not match is left out.
  if (pattern.isNegated) return (pattern.isFolderOnly && !isFolder) || !pattern.matches(path);
  return !(pattern.isFolderOnly && !isFolder) && pattern.matches(path);
}

/**
 * Reads a `.helmignore`, with the rules of Helm (pkg/ignore), which also leaves out hidden files below templates.
 * @throws Error for a line that Helm would refuse
 */
export function helmIgnore(text: string): IgnoreRule {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const patterns = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => patternOf(line));
  patterns.push(patternOf('templates/.?*'));
  return (path, isFolder) => patterns.some((pattern) => decides(pattern, path, isFolder));
}
