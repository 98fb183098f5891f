/** Why a server cannot take a message, as a reply. The message is not tried there again. */
export class CannotTake extends Error {}
