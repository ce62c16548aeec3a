import { DEMO } from './demo.ts';

export interface ClosingWords {
  /** What runs, which after an earlier start may be the newer one. */
  version: string;
  url: string;
  caFile: string;
  email: string;
  password: string;
  kubectl: string;
  /** `reference=digest` */
  probeImage: string;
  releaseKey: string;
  logFile: string;
}

/** What `npm start` ends with: where to look, and what to try, as lines that can be copied. */
export function closingWords(words: ClosingWords): string {
  const steward = 'npm run -s steward --';
  const zeros = `sha256:${'0'.repeat(64)}`;
  return `
${DEMO.service} ${words.version} runs under management.

  live page   ${words.url}      (certificate of the hub's own authority: ${words.caFile})
  log in as   ${words.email}      password ${words.password}
  hub's log   ${words.logFile}

Try, in another terminal, from this folder:

  watch                 ${steward} status --watch
  upgrade NATS          ${steward} upgrade ${DEMO.installation} --version ${DEMO.versions.newer} --watch
  publish a bad one     ${steward} publish deploy/catalog/nats --key ${words.releaseKey} --version 2.16.0 --app-version 2.16.0 --set image.repository=steward.test/nats --set image.tag=2.16 --image steward.test/nats:2.16=${zeros}
  see it roll back      ${steward} upgrade ${DEMO.installation} --version 2.16.0 --watch
  ask the customer      ${steward} restart ${DEMO.installation} --watch      (waits: the policy does not allow it by itself)
  the customer's yes    ${steward} approve ${DEMO.installation}
  another service       ${steward} publish deploy/catalog/hello --key ${words.releaseKey} --version 1.0.0 --image ${words.probeImage}
  the customer's side   ${words.kubectl} get agents,installations,operations -A

Ctrl-C stops everything; the next npm start goes on here; npm run clean removes it all.
`;
}
