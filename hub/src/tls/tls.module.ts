import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TlsMaterial } from './tls-material.ts';

@Global()
@Module({})
export class TlsModule {
  static of(material: TlsMaterial): DynamicModule {
    return { module: TlsModule, providers: [{ provide: TlsMaterial, useValue: material }], exports: [TlsMaterial] };
  }
}
