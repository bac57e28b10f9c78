/** In place of the package of this name, a list of 10 KB in each executable: Node has it. */
module.exports = () => /\p{RGI_Emoji}/gv;
