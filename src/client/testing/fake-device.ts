import { Device } from 'mediasoup-client';
import * as parameters from 'mediasoup-client/fakeParameters';
import { FakeHandler } from 'mediasoup-client/handlers/FakeHandler';
import type { ConnectionState } from 'mediasoup-client/types';

/** A loaded device whose media goes nowhere, and whose connections are in the state that a test says. */
export async function fakeDevice(): Promise<{
  readonly device: Device;
  /** Of the transport that was made last. */
  setState(state: ConnectionState): void;
}> {
  const factory = FakeHandler.createFactory(parameters);
  let setState = (_state: ConnectionState): void => undefined;
  const device = await Device.factory({
    handlerFactory: {
      ...factory,
      factory: (options) => {
        const handler = factory.factory(options);
        setState = (state) => {
          handler.emit('@connectionstatechange', state);
        };
        return handler;
      },
    },
  });
  await device.load({ routerRtpCapabilities: parameters.generateRouterRtpCapabilities() });
  return { device, setState: (state) => setState(state) };
}
