/** An image reference in its parts, fully qualified: `nats:2.15` is docker.io, library/nats, tag 2.15. */
export interface ImageReference {
  host: string;
  repository: string;
  tag?: string;
  digest?: string;
}

const PATTERN =
  /^(?<name>[a-z0-9]+(?:[._:/-]+[a-z0-9]+)*?)(?::(?<tag>[\w][\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/i;

const PATH_PART = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*$/;

/** Reads a reference as container engines do: without a host it is docker.io, without a folder there it is `library/`. Undefined when it is none. */
export function parseImageReference(text: string): ImageReference | undefined {
  if (text.length > 500) return undefined;
  const groups = PATTERN.exec(text)?.groups;
  const name = groups?.['name'];
  if (!name) return undefined;
  const [first = '', ...rest] = name.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const host = isHost ? first.toLowerCase() : 'docker.io';
  const path = isHost ? rest.join('/') : name;
  if (!path.split('/').every((part) => PATH_PART.test(part))) return undefined;
  const repository = host === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  const { tag, digest } = groups;
  return { host, repository, ...(tag ? { tag } : {}), ...(digest ? { digest } : {}) };
}

/**
 * The form in which a release lists an image: `docker.io/library/nats:2.15`, with `:latest` when there is neither tag nor
 * digest, and without the digest when there is a tag. Undefined when the text is no reference.
 */
export function normalizeImage(text: string): string | undefined {
  const image = parseImageReference(text);
  if (!image) return undefined;
  const name = `${image.host}/${image.repository}`;
  if (image.tag) return `${name}:${image.tag}`;
  return image.digest ? `${name}@${image.digest}` : `${name}:latest`;
}
