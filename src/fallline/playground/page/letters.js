// The size of letters in the pictures: on a projector they must be readable in the tenth row.

import { state } from "./state.js";

const USUAL_HEIGHT = 520;  // a projector's window of this height needs letters of the usual size

/** The factor by which letters, lines and marks in pictures are larger than usual. */
export const larger = () => (state.pictures ? Math.max(1.25, window.innerHeight / USUAL_HEIGHT) : 1);

/** The font of a picture's text. */
export const font = (pixels, weight = "") => `${weight} ${Math.round(pixels * larger() * 10) / 10}px system-ui, sans-serif`;
