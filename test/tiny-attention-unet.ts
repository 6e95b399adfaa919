/** The settings of the smallest conditional U-Net whose blocks attend in one resolution and not in the other. */
export const tinyAttentionUNet = {
  blockOutChannels: [8, 16],
  layersPerBlock: 1,
  downBlockTypes: ['DownBlock2D', 'SimpleCrossAttnDownBlock2D'],
  midBlockType: 'UNetMidBlock2DSimpleCrossAttn',
  upBlockTypes: ['SimpleCrossAttnUpBlock2D', 'UpBlock2D'],
  attentionHeadDim: 8,
  crossAttentionDim: 8,
  normNumGroups: 4,
};
