/* Video elements are used again: browsers cap the number of media players and free them late when elements are thrown away. */

const idle: HTMLVideoElement[] = [];

export function takeVideo(): HTMLVideoElement {
  return idle.pop() ?? freshVideo();
}

export function giveBack(video: HTMLVideoElement): void {
  video.pause();
  const url = video.src;
  video.removeAttribute("src");
  video.load();
  if (url.startsWith("blob:")) URL.revokeObjectURL(url);
  video.removeAttribute("data-current");
  video.remove();
  if (idle.length < 8) idle.push(video);
}

function freshVideo(): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.autoplay = true;
  video.playsInline = true;
  video.disablePictureInPicture = true;
  video.disableRemotePlayback = true;
  video.tabIndex = -1;
  video.setAttribute("aria-hidden", "true");
  return video;
}
