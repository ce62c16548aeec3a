/** `${installation}-web` in what a vendor signs is `shop-web` of the Helm release `shop`. */
export function forInstallation(text: string, releaseName: string): string {
  return text.replaceAll('${installation}', releaseName);
}
